// Regions of docs/control.md: how the page shows them, moves them and makes them. Values 0..1; x and y are fractions.

const clamp = (v) => Math.max(0, Math.min(1, v));
const images = new Map();
const KEPT_IMAGES = 128; // of masks: those of strokes long ago are read again if undo brings them back

/** Sizes relative to the shorter side, of a picture width x height. */
const sides = (width, height) => ({ sx: width / Math.min(width, height), sy: height / Math.min(width, height) });

/** Signed distance to a shape's edge, inside positive, in shorter sides. */
function distance(region, x, y, { sx, sy }) {
  switch (region.shape) {
    case 'rectangle': {
      const [left, top, width, height] = region.box;
      return Math.min((x - left) * sx, (left + width - x) * sx, (y - top) * sy, (top + height - y) * sy);
    }
    case 'circle': return region.radius - Math.hypot((x - region.center[0]) * sx, (y - region.center[1]) * sy);
    case 'ellipse': {
      const [rx, ry] = region.radii;
      const away = Math.hypot((x - region.center[0]) / (rx || 1e-6), (y - region.center[1]) / (ry || 1e-6));
      return (1 - away) * Math.min(rx * sx, ry * sy);
    }
    default: return inPolygon(region.points ?? [], x, y) ? 1 : -1;
  }
}

function inPolygon(points, x, y) {
  let inside = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [points[i], points[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

function ramp(region, x, y, { sx, sy }) {
  const [a, b] = region.values ?? (region.shape === 'radial' ? [1, 0] : [0, 1]);
  if (region.shape === 'radial') return a + (b - a) * clamp(Math.hypot((x - region.center[0]) * sx, (y - region.center[1]) * sy) / (region.radius || 1e-6));
  const [x0, y0] = region.from;
  const [dx, dy] = [region.to[0] - x0, region.to[1] - y0];
  return a + (b - a) * clamp(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1e-6));
}

/** The region's value at a point, near enough to look at. `picture` gives the value of a mask's picture. */
export function valueAt(region, x, y, size, picture = () => 0) {
  const parts = () => region.parts.map((part) => valueAt(part, x, y, size, picture));
  let value;
  if (region.shape === 'add') value = Math.min(1, parts().reduce((a, b) => a + b));
  else if (region.shape === 'subtract') value = Math.max(0, parts().reduce((a, b) => a - b));
  else if (region.shape === 'multiply') value = parts().reduce((a, b) => a * b);
  else if (region.shape === 'linear' || region.shape === 'radial') value = ramp(region, x, y, size);
  else if (region.shape === 'picture') value = picture(region, x, y);
  else if (region.shape === 'attention') value = 0.5; // known while the run goes on
  else {
    const d = distance(region, x, y, size);
    value = region.feather ? clamp(0.5 + d / region.feather) : d >= 0 ? 1 : 0;
  }
  return region.invert ? 1 - value : value;
}

/** The pixels of a mask that lies in the recipe itself; null until it is read, `onReady` is called then. */
function pixels(region, onReady) {
  const key = region.data ?? region.file;
  if (!key) return null;
  const known = images.get(key);
  if (known) return known.data ? known : null;
  if (images.size >= KEPT_IMAGES) images.delete(images.keys().next().value);
  images.set(key, {});
  load(region, 128).then((image) => {
    if (!image) return images.delete(key);
    images.set(key, image);
    return onReady();
  });
  return null;
}

/** A mask's picture as side x side pixels; null if there is none. */
const load = (region, side) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => {
    const context = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true });
    context.drawImage(image, 0, 0, side, side);
    resolve(context.getImageData(0, 0, side, side));
  };
  image.onerror = () => resolve(null);
  image.src = region.data ? `data:image/png;base64,${region.data}` : addressOf(region.file);
});

/** What a mask's picture says at a point: its alpha, or its luminance as the engine reads it. */
function said({ data, width }, { channel }, x, y) {
  const at = (v) => Math.min(width - 1, Math.floor(v * width));
  const i = (at(y) * width + at(x)) * 4;
  return (channel === 'alpha' ? data[i + 3] : 0.2126 * data[i] + 0.7152 * data[i + 1] + 0.0722 * data[i + 2]) / 255;
}

const picturesIn = (region) => (region.shape === 'picture' && (region.data || region.file) ? [region] : (region.parts ?? []).flatMap(picturesIn));

/** The region's values as a grey picture of side x side, when all pictures in it have been read. */
export async function greyOf(region, width, height, side) {
  const read = new Map(await Promise.all(picturesIn(region).map(async (r) => [r, await load(r, side)])));
  const at = (r, x, y) => (read.get(r) ? said(read.get(r), r, x, y) : 0);
  const image = new ImageData(side, side);
  for (let j = 0; j < side; ++j) {
    for (let i = 0; i < side; ++i) {
      const value = Math.round(255 * valueAt(region, (i + 0.5) / side, (j + 0.5) / side, sides(width, height), at));
      image.data.set([value, value, value, 255], (j * side + i) * 4);
    }
  }
  return image;
}

/** The same region in fractions, which the page draws and changes; pixels are those of a picture width x height. */
export function inFractions(region, width, height) {
  if (!region) return region;
  const { unit, ...rest } = region;
  const result = region.parts ? { ...rest, parts: region.parts.map((part) => inFractions(part, width, height)) } : rest;
  if (unit !== 'pixel') return unit || region.parts ? result : region;
  const sizes = [width, height];
  const point = (list) => list.map((v, i) => v / sizes[i % 2]);
  for (const name of ['box', 'center', 'radii', 'from', 'to']) if (rest[name]) result[name] = point(rest[name]);
  for (const name of ['radius', 'feather', 'blur']) if (rest[name] !== undefined) result[name] = rest[name] / Math.min(width, height);
  if (rest.points) result.points = rest.points.map(point);
  return result;
}

/** Where the page finds a file that a recipe names. */
export const addressOf = (file) => (file.startsWith('picture:') ? `/v1/pictures/${encodeURIComponent(file.slice(8))}` : `/v1/files/${encodeURIComponent(file.replace(/^upload:/, ''))}`);

/** Paints a region over a canvas in a colour. */
export function show(context, region, width, height, colour, onReady) {
  const n = 96;
  const size = sides(width, height);
  const at = (r, x, y) => {
    const image = pixels(r, onReady);
    return image ? said(image, r, x, y) : 0;
  };
  const image = new ImageData(n, n);
  const rgb = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  for (let j = 0; j < n; ++j) {
    for (let i = 0; i < n; ++i) {
      const value = valueAt(region, (i + 0.5) / n, (j + 0.5) / n, size, at);
      image.data.set([...rgb, Math.round(value * 118)], (j * n + i) * 4);
    }
  }
  const small = new OffscreenCanvas(n, n);
  small.getContext('2d').putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
}

const round = (x) => Math.round(x * 1000) / 1000;

/** A rectangle or an ellipse between two corners. */
export function shapeBetween(shape, a, b) {
  const left = round(clamp(Math.min(a.x, b.x)));
  const top = round(clamp(Math.min(a.y, b.y)));
  const w = round(Math.max(0.01, clamp(Math.max(a.x, b.x)) - left));
  const h = round(Math.max(0.01, clamp(Math.max(a.y, b.y)) - top));
  if (shape === 'rectangle') return { shape, box: [left, top, w, h] };
  return { shape: 'ellipse', center: [round(left + w / 2), round(top + h / 2)], radii: [round(w / 2), round(h / 2)] };
}

/** Left, top, width, height of a rectangle or an ellipse. */
export function boxOf(region) {
  if (region?.shape === 'rectangle') return region.box;
  if (region?.shape !== 'ellipse') return null;
  const [w, h] = region.radii.map((r) => 2 * r);
  return [round(region.center[0] - w / 2), round(region.center[1] - h / 2), round(w), round(h)];
}

/** The region with another box, its edges as they were. */
export function withBox(region, [x, y, w, h]) {
  return { ...region, ...shapeBetween(region.shape, { x, y }, { x: x + w, y: y + h }) };
}

/** A new shape takes the old one's edges, or joins it. */
export function joined(old, shape, add) {
  if (!old) return shape;
  const { feather, blur, invert } = old;
  const edges = Object.fromEntries(Object.entries({ feather, blur, invert }).filter(([, v]) => v));
  if (!add) return { ...shape, ...edges };
  const { feather: _, blur: __, invert: ___, ...bare } = old;
  return old.shape === 'add' ? { ...old, parts: [...old.parts, shape] } : { shape: 'add', parts: [bare, shape], ...edges };
}
