#pragma once
// The fields of a region's JSON, by shape.

#include "control/recipe/fields.h"

namespace corepulse::control {

/** How many points a shape has; polygons have any number from 3. */
constexpr size_t points_of(Region::Shape shape) {
  switch (shape) {
    case Region::Shape::rectangle:
    case Region::Shape::ellipse:
    case Region::Shape::linear:
      return 2;
    case Region::Shape::circle:
    case Region::Shape::radial:
      return 1;
    default:
      return 0;
  }
}

constexpr bool combines(Region::Shape shape) {
  return shape >= Region::Shape::add;
}

/** `v.point(name, i)` is points[i] as [x, y]; `v.box(name)` the first two points as four numbers. */
template <class V>
void fields(V& v, Region::Shape shape) {
  using Shape = Region::Shape;
  switch (shape) {
    case Shape::rectangle:
      v.box("box");
      break;
    case Shape::circle:
      v.point("center", 0), v.required("radius", &Region::radius);
      break;
    case Shape::ellipse:
      v.point("center", 0), v.point("radii", 1);
      break;
    case Shape::polygon:
      v.required("points", &Region::points);
      break;
    case Shape::linear:
      v.point("from", 0), v.point("to", 1), v("values", &Region::values);
      break;
    case Shape::radial:
      v.point("center", 0), v.required("radius", &Region::radius), v("values", &Region::values);
      break;
    case Shape::picture:
      v("file", &Region::file), v("data", &Region::data), v("sha256", &Region::sha256);
      v("channel", &Region::channel);
      break;
    case Shape::attention:
      v.required("phrase", &Region::phrase), v("occurrence", &Region::occurrence), v("where", &Region::where);
      v("image", &Region::image), v("threshold", &Region::threshold);
      break;
    case Shape::add:
    case Shape::subtract:
    case Shape::multiply:
      v.required("parts", &Region::parts);
      break;
  }
  v("unit", &Region::unit);
  v("feather", &Region::feather_width);
  v("blur", &Region::blur_sigma);
  v("invert", &Region::inverted);
}

/** The region every field of which is the shape's default. */
inline Region default_region(Region::Shape shape) {
  Region region{.shape = shape, .points = std::vector<Region::Point>(points_of(shape))};
  if (shape == Region::Shape::radial) region.values = {1, 0};
  return region;
}

}  // namespace corepulse::control
