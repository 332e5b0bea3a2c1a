// Numbers over the run's progress, as docs/control.md has them: a number, points, or a ramp.

export const isCurve = (value) => typeof value === 'object' && value !== null;

/** The points of a curve; a number is one point. */
export function points(value) {
  if (!isCurve(value)) return [[0, value]];
  if (Array.isArray(value)) return value;
  const [start, end, edge = 0, height = 1] = value.ramp;
  return [[start, 0], [Math.min(start + edge, end), height], [Math.max(end - edge, start), height], [end, 0]];
}

/** The curve's value at a progress of 0..1: linear between points, constant outside, the later of two at the same place. */
export function at(value, progress) {
  if (!isCurve(value)) return value;
  const list = points(value);
  let before = list[0];
  if (progress < before[0]) return before[1];
  for (const point of list.slice(1)) {
    if (progress < point[0]) {
      const part = (progress - before[0]) / (point[0] - before[0]);
      return before[1] + part * (point[1] - before[1]);
    }
    before = point;
  }
  return before[1];
}

const round = (x) => Math.round(x * 1000) / 1000;

/** The curve with point i moved, kept between its neighbours. */
export function movePoint(value, i, progress, height) {
  const list = points(value).map((p) => [...p]);
  const low = i > 0 ? list[i - 1][0] : 0;
  const high = i + 1 < list.length ? list[i + 1][0] : 1;
  list[i] = [round(Math.min(high, Math.max(low, progress))), round(height)];
  return list;
}

/** The curve with one more point; returns [curve, its index]. */
export function addPoint(value, progress, height) {
  const list = points(value).map((p) => [...p]);
  const i = list.findIndex((p) => p[0] > progress);
  const place = i < 0 ? list.length : i;
  list.splice(place, 0, [round(progress), round(height)]);
  return [list, place];
}

/** The curve without point i; of the last one its value is left, as a number. */
export function removePoint(value, i) {
  const list = points(value).filter((_, k) => k !== i);
  return list.length > 1 ? list : (list[0] ?? points(value)[0])[1];
}

/** A number made a curve that can be bent. */
export const bend = (value) => (isCurve(value) ? points(value) : [[0, value], [1, value]]);
