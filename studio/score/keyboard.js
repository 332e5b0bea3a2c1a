// The score for keyboards and screen readers: a grid of cells under the canvas, of which the page holds the row with the cursor.
// Arrows move, Shift extends, Space paints or erases, digits set how much, brackets set a window's ends, Enter unfolds a block.
import { h } from '../dom.js';
import { T } from '../texts.js';
import { at } from './curve.js';
import { kindOf } from './kinds.js';
import { memberAt, windowOf, withWindow } from './tracks.js';

export function makeKeyboard(model, store, hooks) {
  const grid = h('div.score-grid', {
    role: 'grid', tabIndex: 0, 'aria-label': T.score.gridLabel, 'aria-describedby': 'score-help', 'aria-multiselectable': true,
  });
  grid.addEventListener('focus', () => focus(true));
  grid.addEventListener('blur', () => focus(false));
  grid.addEventListener('keydown', (event) => {
    if (!model.plan || event.ctrlKey || event.metaKey) return;
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
    update();
    hooks.redraw();
  });

  function focus(on) {
    model.focused = on;
    if (on) update();
    hooks.redraw();
  }

  function actionOf({ key, shiftKey }) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-4, 0], PageDown: [4, 0], Home: [0, -1e6], End: [0, 1e6] };
    if (moves[key]) return () => move(...moves[key], shiftKey);
    const keys = {
      ' ': toggle, Delete: () => paint(true), Backspace: () => paint(true), Enter: () => hooks.unfold(model.plan.rows[model.cursor.row].block?.name),
      '[': () => setEnd('first'), ']': () => setEnd('end'), '+': () => select(1), '-': () => select(-1), Escape: () => { model.anchor = null; },
    };
    if (/^\d$/.test(key)) return () => setLevel(key === '0' ? 1 : Number(key) / 10);
    return key === 'Escape' && !model.anchor ? undefined : keys[key]; // one without a selection stops the drawing
  }

  function move(rows, columns, extend) {
    if (extend) model.anchor ??= { ...model.cursor };
    else model.anchor = null;
    model.cursor = {
      row: Math.max(0, Math.min(model.plan.rows.length - 1, model.cursor.row + rows)),
      column: Math.max(0, Math.min(model.grid.steps.length - 1, model.cursor.column + columns)),
    };
  }

  function box() {
    const from = model.anchor ?? model.cursor;
    const to = model.cursor;
    return {
      top: Math.min(from.row, to.row), bottom: Math.max(from.row, to.row),
      left: Math.min(from.column, to.column), right: Math.max(from.column, to.column),
    };
  }

  const toggle = () => paint(model.painted(model.cursor.row, model.cursor.column));

  function paint(erase) {
    const row = model.plan.rows[model.cursor.row];
    if (row.type === 'lane' && row.track !== model.selected) model.select(row.track);
    if (!model.reaches(model.cursor.row)) return hooks.refused(model.track);
    model.begin('keys');
    model.paint(box(), erase);
    model.commit(true);
    hooks.say(describe());
  }

  function setLevel(part) {
    const range = model.track && kindOf(model.track.control).range;
    if (!range) return;
    model.level = Math.round(part * range[1] * 100) / 100;
    hooks.levelChanged();
    if (model.painted(model.cursor.row, model.cursor.column)) paint(false);
  }

  const select = (by) => model.select(model.selected + by);

  /** The window under the cursor begins or ends here. */
  function setEnd(edge) {
    if (!model.track || !model.reaches(model.cursor.row)) return;
    const { column } = model.cursor;
    const { layers } = model.plan.rows[model.cursor.row];
    const all = model.grid.steps.map((_, c) => c).sort((p, q) => Math.abs(p - column) - Math.abs(q - column)); // the nearest one's
    const member = all.reduce((found, c) => found ?? memberAt(model.track, model.grid, layers, c, model.said), undefined);
    if (!member) return;
    const [first, end] = windowOf(model.grid, member);
    const to = edge === 'first' ? [Math.min(column, end - 1), end] : [first, Math.max(column + 1, first + 1)];
    store.close();
    store.edit(withWindow(store.doc, model.track, model.grid, [first, end], to, model.unit));
    hooks.say(describe());
  }

  function describe(column = model.cursor.column) {
    const row = model.plan.rows[model.cursor.row];
    const step = model.grid.steps[column];
    const parts = model.tracks.flatMap((track, i) => {
      if (row.type === 'lane' ? row.track !== i : kindOf(track.control).lane) return [];
      const cells = model.cells[i];
      const value = Math.max(...row.layers.map((l) => cells.data[l * cells.columns + column]));
      return value ? [T.score.voice(hooks.label(i), at(cells.levels[value - 1], step.progress))] : [];
    });
    return T.score.cell(row.label, step.step, step.sigma, parts);
  }

  /** The cursor's row; of runs of very many steps those about the cursor. */
  function update() {
    if (!model.plan || !model.focused) return;
    const row = model.plan.rows[model.cursor.row];
    const first = Math.max(0, Math.min(model.cursor.column - 30, model.grid.steps.length - 60));
    const cells = model.grid.steps.slice(first, first + 60).map((_, i) => h('span', {
      role: 'gridcell', id: `cell-${first + i}`, 'aria-colindex': first + i + 2, 'aria-label': describe(first + i),
      'aria-selected': model.painted(model.cursor.row, first + i),
    }));
    grid.setAttribute('aria-rowcount', model.plan.rows.length);
    grid.setAttribute('aria-colcount', model.grid.steps.length + 1);
    grid.replaceChildren(h('div', { role: 'row', 'aria-rowindex': model.cursor.row + 1 }, h('span', { role: 'rowheader', 'aria-colindex': 1 }, row.label), cells));
    grid.setAttribute('aria-activedescendant', `cell-${model.cursor.column}`);
  }
  return { element: grid, update, describe };
}
