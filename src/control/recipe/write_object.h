#pragma once
// Writes the fields of one object as JSON.

#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

#include "control/recipe/fields.h"
#include "control/recipe/words.h"

namespace corepulse::control {

/** Keeps the order in which fields are written. */
using OrderedJson = nlohmann::ordered_json;

// All throw Error{invalid_request} for numbers that JSON has no word for.
OrderedJson json_of(double x);
OrderedJson json_of(const std::string& x);
OrderedJson json_of(const Curve& x);
OrderedJson json_of(const Window& x);
OrderedJson json_of(const Region& x);
OrderedJson json_of(const corepulse::Control& x);
template <class T>
  requires std::is_integral_v<T>
OrderedJson json_of(T x) {
  return x;
}
template <class T>
  requires std::is_enum_v<T>
OrderedJson json_of(T x);
template <class A, class B>
OrderedJson json_of(const std::pair<A, B>& x);
template <class T>
OrderedJson json_of(const std::vector<T>& x);
template <class T>
OrderedJson json_of(const std::optional<T>& x);
template <HasFields T>
OrderedJson json_of(const T& x);

/** The visitor of fields.h that writes the fields of `object` that differ from `normal`. */
template <class T>
struct Writer {
  const T& object;
  const T& normal;
  OrderedJson& json;

  template <class M, class C>
  void operator()(const char* name, M C::* member) {
    if (object.*member != normal.*member) always(name, member);
  }
  template <class M, class C>
  void required(const char* name, M C::* member) {
    always(name, member);
  }
  template <class M, class C>
  void always(const char* name, M C::* member) {
    json[name] = json_of(object.*member);
  }
  template <class M, class C>
  void inline_fields(M C::* member) {
    Writer<M> inner{object.*member, normal.*member, json};
    fields(inner, Type<M>());
  }
};

template <class T>
  requires std::is_enum_v<T>
OrderedJson json_of(T x) {
  if constexpr (requires { name(x); })
    return name(x);  // sampling.h's
  else
    return name_of(x);
}

template <class A, class B>
OrderedJson json_of(const std::pair<A, B>& x) {
  return OrderedJson::array({json_of(x.first), json_of(x.second)});
}

template <class T>
OrderedJson json_of(const std::vector<T>& x) {
  auto list = OrderedJson::array();
  for (const auto& item : x) list.push_back(json_of(item));
  return list;
}

template <class T>
OrderedJson json_of(const std::optional<T>& x) {
  return x ? json_of(*x) : OrderedJson();
}

template <HasFields T>
OrderedJson json_of(const T& x) {
  static const T normal{};
  auto json = OrderedJson::object();
  Writer<T> writer{x, normal, json};
  fields(writer, Type<T>());
  return json;
}

}  // namespace corepulse::control
