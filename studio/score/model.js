// The score's state between document and canvas: tracks, their cells, the chosen one, brush, cursor. No elements here.
import { isCurve } from './curve.js';
import { KINDS, kindOf, levelOf } from './kinds.js';
import { layout } from './layout.js';
import { makeHues } from './palette.js';
import { cellsOf, controlsOf, extent, levelIndex, placeAfter, reached, runs, tracksOf, windowsOf, withControls } from './tracks.js';

export function makeModel(store, reading) {
  const hues = makeHues();
  const model = {
    tracks: [], cells: [], hues: [], plan: null, grid: null, tool: 'brush', level: 1, unit: undefined,
    said: [], hover: null, cursor: { row: 0, column: 0 }, anchor: null, focused: false, rect: null, point: -1, stroke: null,

    get selected() { return Math.min(store.view.selected ?? 0, model.tracks.length - 1); },
    get track() { return model.tracks[model.selected]; },

    /** The windows [first, end] of the chosen track; of what is being painted as it stands. */
    get windows() {
      if (!model.track || !model.grid) return [];
      return model.stroke ? painted(model.stroke.cells) : windowsOf(model.track, model.grid);
    },

    /** Reads the document anew; `width` of the canvas decides the plan. */
    refresh(width, coarse, scale) {
      const { grid, explained } = reading.state;
      model.grid = grid;
      model.tracks = tracksOf(store.doc);
      model.hues = hues(model.tracks);
      if (!grid) return;
      model.said = reading.state.stale ? [] : explained;
      model.cells = model.tracks.map((track) => cellsOf(track, grid, model.said));
      if (model.stroke && model.cells[model.selected]) model.cells[model.selected] = model.stroke.cells;
      model.plan = layout({ grid, tracks: model.tracks, cells: model.cells, unfolded: store.view.unfolded, width, coarse, scale });
      model.cursor.row = Math.min(model.cursor.row, model.plan.rows.length - 1);
      model.cursor.column = Math.min(model.cursor.column, grid.steps.length - 1);
      if (model.hover && (model.hover.row >= model.plan.rows.length || model.hover.column >= grid.steps.length)) model.hover = null; // it is gone
    },

    select(index) {
      store.close();
      const selected = Math.max(0, Math.min(index, model.tracks.length - 1));
      const first = model.tracks[selected]?.controls[0] ?? model.tracks[selected]?.control;
      if (first) model.level = isCurve(levelOf(first)) ? KINDS[first.kind]?.range[1] ?? 1 : levelOf(first); // the tools show it
      store.look({ selected });
    },

    /** What the brush lays down: the curve where the track has one, else the brush's number. */
    brushLevel() {
      const level = model.track && levelOf(model.track.controls[0] ?? model.track.control);
      return isCurve(level) ? level : model.level;
    },

    begin(name) {
      const cells = model.cells[model.selected];
      model.stroke = {
        name: `${name} ${performance.now()}`, track: model.track, place: model.track, saved: cells.data.slice(), said: model.said,
        cells: { ...cells, data: cells.data.slice(), levels: [...cells.levels] }, written: 0,
      };
      model.cells[model.selected] = model.stroke.cells;
      return model.stroke;
    },

    /** Paints rows x columns of the running stroke; 0 erases. */
    paint(box, erase) {
      const { cells } = model.stroke;
      const value = erase ? 0 : levelIndex(cells, model.brushLevel());
      for (let r = box.top; r <= box.bottom; ++r) {
        if (!model.reaches(r)) continue;
        for (const layer of model.layersAt(r)) {
          cells.data.fill(value, layer * cells.columns + box.left, layer * cells.columns + box.right + 1);
        }
      }
    },

    /** The layers that a stroke in this row paints: of a kind that acts on blocks all of the block's. */
    layersAt(r) {
      const { layers, block } = model.plan.rows[r];
      return kindOf(model.track.control).sides && block ? Array.from({ length: block.count }, (_, i) => block.first + i) : layers;
    },

    /** Whether the chosen track has cells in this row. */
    reaches(r) {
      const row = model.plan.rows[r];
      if (!model.track || !KINDS[model.track.kind]) return false;
      if (row.type === 'lane') return row.track === model.selected;
      return !kindOf(model.track.control).lane && row.layers.every((layer) => reached(model.track, model.grid, layer));
    },

    /** Writes the stroke into the document; `last` ends it. */
    commit(last) {
      const { stroke } = model;
      if (!stroke) return;
      const controls = controlsOf(stroke.track, stroke.cells, model.grid, model.unit, stroke.said);
      const now = stroke.place; // not the chosen track as it is read now: what is painted so far may say what its neighbour says
      const index = model.selected;
      if (controls.length || last) {
        if (last) model.stroke = null;
        const next = withControls(store.doc, now, controls);
        stroke.place = placeAfter(store.doc, now, controls);
        store.edit(next, stroke.name);
        follow(now, controls, index, next);
      }
      if (last) {
        model.stroke = null;
        store.close();
      }
    },

    painted(r, column) {
      const data = model.cells[model.selected]?.data;
      const row = model.plan.rows[r];
      return Boolean(data && model.reaches(r) && row.layers.every((l) => data[l * model.grid.steps.length + column]));
    },

    /** "acts on ..." as numbers: the server's where it has answered, else the page's own reading. */
    acting(index) {
      const { explained, stale } = reading.state;
      const track = model.tracks[index];
      if (!track?.controls.length || !model.grid) return null;
      const cells = model.cells[index];
      const own = { ...extent(cells), ofSteps: model.grid.steps.length, ofLayers: model.grid.layers.length, own: true, lane: kindOf(track.control).lane, ...blocksOf(track, cells) };
      const said = explained.slice(track.start, track.start + track.controls.length);
      if (stale || model.stroke || !said.length) return own;
      const acts = said.filter((s) => s.state === 'acts');
      const union = (field) => new Set(acts.flatMap((s) => s[field] ?? []));
      const steps = new Set([...union('calls')].map((c) => reading.state.calls[c]?.step));
      return {
        ...own, own: false, steps: acts.length ? steps.size : 0, ...layersOf(track, union('layers').size, own),
        state: acts.length ? 'acts' : said[0].state, reason: said.find((s) => s.reason)?.reason,
      };
    },
  };

  /** Stretches of painted cells as windows. */
  function painted(cells) {
    const found = new Map();
    for (let row = 0; row < cells.rows; ++row) for (const [a, b] of runs(cells, row)) found.set(`${a} ${b}`, [a, b]);
    return [...found.values()].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  }

  /** Of a kind that acts on whole blocks: how many of how many. */
  function blocksOf(track, { data, columns }) {
    if (!kindOf(track.control).sides) return {};
    const all = model.grid.blocks.filter((block) => reached(track, model.grid, block.first));
    return { blocks: true, layers: all.filter(({ first }) => data.subarray(first * columns, (first + 1) * columns).some(Boolean)).length, ofLayers: all.length };
  }

  /** Of the layers of its attention; of both attentions there are twice as many. A LoRA's are of every sort: rows are counted. */
  function layersOf(track, said, own) {
    if (!said || track.kind === 'lora' || own.lane) return {};
    return { layers: said, ofLayers: track.control.attention === 'both' ? 2 * own.ofLayers : own.ofLayers };
  }

  /** Keeps the choice on a track that went to the drafts, or came from them. */
  function follow(was, controls, index, next) {
    const tracks = tracksOf(next);
    if (was.draft === undefined && !controls.length) store.look({ selected: tracks.length - 1 });
    else if (was.draft !== undefined && controls.length) store.look({ selected: tracks.filter((t) => t.draft === undefined).length - 1 });
    else if (index !== model.selected) store.look({ selected: index });
  }
  return model;
}
