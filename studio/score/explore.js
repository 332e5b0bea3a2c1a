// A whole track elsewhere, at another time or by another strength: what a sweep asks of a track of several controls.
import { stepsIn } from './grid.js';
import { kindOf } from './kinds.js';
import { cellsOf, controlsOf, layersIn, levelsTimes, strongest } from './tracks.js';

/** The members with a field at a value. In another block they act when they did, at another time where they did. */
export function explore(members, name, value, grid) {
  const [control] = members;
  if (name === kindOf(control).level) return levelsTimes(members, strongest({ controls: members }) ? value / strongest({ controls: members }) : 1);
  if (name !== 'where' && name !== 'when') return members.map((member) => withField(member, name, value));
  const track = { kind: control.kind, control, controls: members, start: 0 };
  const cells = cellsOf(track, grid);
  const data = new Uint8Array(cells.data.length);
  const layers = layersIn(track, grid, name === 'where' ? value ?? undefined : undefined);
  const steps = stepsIn(grid, name === 'when' ? value ?? undefined : undefined);
  for (let row = 0; row < cells.rows; ++row) {
    for (let c = 0; c < cells.columns; ++c) {
      if (layers[row] && steps[c]) data[row * cells.columns + c] = name === 'where' ? atStep(cells, c) : inRow(cells, row);
    }
  }
  return controlsOf({ ...track, controls: [] }, { ...cells, data }, grid);
}

function withField(control, name, value) {
  const next = { ...control, [name]: value };
  if (value === null) delete next[name];
  return next;
}

const size = (level) => Math.abs(strongest({ controls: [level] }, (l) => l));

/** The strongest of some cells, as an index of a level. */
const most = (cells, indices) => indices.reduce((best, v) => (v && (!best || size(cells.levels[v - 1]) > size(cells.levels[best - 1])) ? v : best), 0);
const atStep = (cells, c) => most(cells, Array.from({ length: cells.rows }, (_, row) => cells.data[row * cells.columns + c]));
const inRow = (cells, row) => most(cells, [...cells.data.subarray(row * cells.columns, (row + 1) * cells.columns)]);
