// Where the score's rows and columns lie, in CSS pixels. Pure: from the grid, the tracks, a width and the page's scale.
import { kindOf } from './kinds.js';
import { runs } from './tracks.js';


/** Rows from top to bottom: blocks, or layers of the unfolded ones, then a lane for each track that has steps alone. */
export function layout({ grid, tracks, cells, unfolded, width, coarse, scale = 1 }) {
  const rows = [];
  const many = grid.blocks.filter((b) => unfolded.includes(b.name)).reduce((n, b) => n + b.count, 0) > 40;
  const header = Math.round(46 * scale);
  let y = header;
  let group;
  const add = (row, height) => {
    const high = Math.round(height * scale);
    if (rows.length && row.group !== group) y += Math.round(8 * scale);
    group = row.group;
    rows.push({ ...row, y, height: high });
    y += high;
  };
  /** A block that many tracks sing in is taller. */
  const height = (layers) => {
    const n = cells.filter((c, i) => !kindOf(tracks[i].control).lane && layers.some((l) => painted(c, l))).length;
    return (coarse ? 36 : 32) + 8 * Math.max(0, Math.min(6, n) - 2);
  };
  for (const block of grid.blocks) {
    const layers = Array.from({ length: block.count }, (_, i) => block.first + i);
    if (!unfolded.includes(block.name)) add({ type: 'block', block, label: block.name, layers, group: block.group }, height(layers));
    else for (const layer of layers) add({ type: 'layer', block, label: grid.layers[layer].site, layers: [layer], group: block.group }, many ? 14 : 22);
  }
  tracks.forEach((track, i) => {
    if (kindOf(track.control).lane) add({ type: 'lane', track: i, label: track.kind, layers: [0], group: 'lanes' }, coarse ? 36 : 32);
  });
  return { rows, width, header, scale, height: y + 6, column: width / grid.steps.length, columns: grid.steps.length };
}

/** The row and column at a point; nearest ones where it lies outside and `nearest` is asked for. */
export function cellAt(plan, x, y, nearest = false) {
  const column = Math.floor(x / plan.column);
  let row = plan.rows.findIndex((r) => y >= r.y && y < r.y + r.height);
  if (nearest && row < 0) {
    row = plan.rows.reduce((best, r, i) => (Math.abs(r.y + r.height / 2 - y) < Math.abs(plan.rows[best].y + plan.rows[best].height / 2 - y) ? i : best), 0);
  }
  const inside = column >= 0 && column < plan.columns;
  if (row < 0 || (!inside && !nearest)) return null;
  return { row, column: Math.max(0, Math.min(plan.columns - 1, column)) };
}

/** Whether a track shows in a row: blocks and layers to those with a `where`, a lane to its own. */
export const shows = (row, track, index) => (row.type === 'lane' ? row.track === index : !kindOf(track.control).lane);

const painted = ({ data, columns }, layer) => data.subarray(layer * columns, (layer + 1) * columns).some(Boolean);

/** For each row the tracks that are painted in it, as voices: they share its height. */
export function voices(plan, tracks, cells) {
  return plan.rows.map((row) => {
    const list = [];
    tracks.forEach((track, i) => {
      if (shows(row, track, i) && row.layers.some((l) => painted(cells[i], l))) list.push(i);
    });
    return list;
  });
}

/** A row's stretches of one track: [first, end, level, share of the row's layers]. */
export function stretches(row, cells) {
  if (row.layers.length === 1) return runs(cells, row.layers[0]).map(([a, b, v]) => [a, b, v, 1]);
  const list = [];
  for (let c = 0; c < cells.columns; ++c) {
    let value = 0;
    let count = 0;
    for (const layer of row.layers) {
      const v = cells.data[layer * cells.columns + c];
      if (!v) continue;
      value = v;
      ++count;
    }
    const share = count / row.layers.length;
    const last = list.at(-1);
    if (count && last && last[1] === c && last[2] === value && last[3] === share) last[1] = c + 1;
    else if (count) list.push([c, c + 1, value, share]);
  }
  return list;
}
