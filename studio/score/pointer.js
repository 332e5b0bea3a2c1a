// The pointer over the score: paints, erases, drags brackets to steps, bends curves.
import { same } from '../json.js';
import { addPoint, bend, movePoint, points, removePoint } from './curve.js';
import { curveScale } from './draw.js';
import { whenMeant } from '../touch.js';
import { cellAt } from './layout.js';
import { kindOf, levelOf } from './kinds.js';
import { tracksOf, withLevelOf, withWindow } from './tracks.js';

const WRITE_EVERY = 90; // ms: how often the document, and so the server, hears of a stroke that goes on

/** hooks: {redraw(), say(text), tell(refused)} */
export function listenToPointer(canvas, model, store, hooks) {
  let gesture = null;
  const place = (event, box = canvas.getBoundingClientRect()) => ({ x: event.clientX - box.left, y: event.clientY - box.top });

  whenMeant(canvas, {
    act(event) {
      if (!model.plan) return false;
      const point = place(event);
      gesture = start(point, event);
      if (!gesture) return false;
      if (event.cancelable) event.preventDefault();
      gesture.move(point);
      hooks.redraw();
      return true;
    },
    move(event) {
      const box = canvas.getBoundingClientRect();
      const point = place(event, box);
      if (gesture) for (const e of all(event)) gesture.move(place(e, box));
      model.hover = model.plan && point.y >= model.plan.header ? cellAt(model.plan, point.x, point.y) : null;
      canvas.style.cursor = gesture ? '' : cursorAt(point);
      hooks.redraw();
    },
    end() {
      gesture?.end();
      gesture = null;
      hooks.redraw();
    },
  });
  let { origin } = store.doc;
  /** What is being painted is of the document that was there: it ends where another one comes. */
  store.on((what) => {
    if (!what.doc) return;
    const other = what.undone || origin !== store.doc.origin;
    origin = store.doc.origin;
    if (!gesture || !other) return;
    gesture = model.stroke = model.rect = null;
    store.close();
  });
  canvas.addEventListener('pointerleave', () => {
    model.hover = null;
    hooks.redraw();
  });
  canvas.addEventListener('dblclick', (event) => model.tool === 'curve' && newPoint(place(event)));

  function cursorAt(point) {
    if (!model.plan) return '';
    if (bracketAt(point)) return bracketAt(point).edge === 'all' ? 'grab' : 'ew-resize';
    if (model.tool === 'curve') return pointAt(point) >= 0 ? 'grab' : 'copy';
    return point.y >= model.plan.header ? 'crosshair' : 'default';
  }

  function start(point, event) {
    const bracket = bracketAt(point);
    if (bracket) return dragBracket(bracket, point);
    if (point.y < model.plan.header) return null;
    if (model.tool === 'curve') return dragPoint(point);
    return stroke(point, event);
  }

  /** The track is made the lane's where the stroke begins in a lane. */
  function stroke(point, event) {
    const cell = cellAt(model.plan, point.x, point.y);
    if (!cell) return null;
    const row = model.plan.rows[cell.row];
    if (row.type === 'lane' && row.track !== model.selected) model.select(row.track);
    if (!model.reaches(cell.row)) {
      hooks.refused(model.track);
      return null;
    }
    const { saved } = model.begin('stroke');
    const erase = model.tool === 'erase' || event.altKey || (model.painted(cell.row, cell.column) && sameLevel(cell));
    const rect = model.tool === 'rect' || event.shiftKey;
    return rect ? rectangle(cell, erase, saved) : freehand(cell, erase);
  }

  function sameLevel(cell) {
    const { data, levels, columns } = model.cells[model.selected];
    const value = data[model.plan.rows[cell.row].layers[0] * columns + cell.column];
    return same(levels[value - 1], model.brushLevel());
  }

  function freehand(from, erase) {
    let last = from;
    return {
      move(point) {
        const cell = cellAt(model.plan, point.x, point.y, true);
        const steps = Math.max(Math.abs(cell.row - last.row), Math.abs(cell.column - last.column), 1);
        for (let i = 0; i <= steps; ++i) {
          const row = Math.round(last.row + ((cell.row - last.row) * i) / steps);
          const column = Math.round(last.column + ((cell.column - last.column) * i) / steps);
          model.paint({ top: row, bottom: row, left: column, right: column }, erase);
        }
        last = cell;
        write();
      },
      end: () => model.commit(true),
    };
  }

  function rectangle(from, erase, saved) {
    return {
      move(point) {
        const cell = cellAt(model.plan, point.x, point.y, true);
        model.rect = {
          top: Math.min(from.row, cell.row), bottom: Math.max(from.row, cell.row),
          left: Math.min(from.column, cell.column), right: Math.max(from.column, cell.column),
        };
        model.stroke.cells.data.set(saved);
        model.paint(model.rect, erase);
        write();
      },
      end() {
        model.rect = null;
        model.commit(true);
      },
    };
  }

  function write() {
    const now = performance.now();
    if (now - model.stroke.written < WRITE_EVERY) return;
    model.stroke.written = now;
    model.commit(false);
  }

  /** The bracket's end under a point, or its whole bar. */
  function bracketAt({ x, y }) {
    if (y > model.plan.header || y < model.plan.header - 22 || model.selected < 0 || model.stroke) return null;
    const at = (step) => Math.abs(x - step * model.plan.column) < 9;
    const list = model.windows.slice(0, 4).sort((p, q) => p[1] - p[0] - (q[1] - q[0])); // a short one lies over a long one
    for (const [first, end] of list) if (at(first) || at(end)) return { first, end, edge: at(first) ? 'first' : 'end' };
    const whole = y < model.plan.header - 10 && list.find(([first, end]) => x > first * model.plan.column && x < end * model.plan.column);
    return whole ? { first: whole[0], end: whole[1], edge: 'all' } : null;
  }

  function dragBracket({ first, end, edge }, from) {
    const { doc } = store;
    const { track } = model;
    const name = `bracket ${performance.now()}`;
    store.close();
    return {
      move(point) {
        const steps = model.grid.steps.length;
        const by = Math.round((point.x - from.x) / model.plan.column);
        const shift = edge === 'all' ? Math.max(-first, Math.min(steps - end, by)) : by;
        const a = edge === 'end' ? first : Math.max(0, Math.min(end - 1, first + shift));
        const b = edge === 'first' ? end : Math.max(first + 1, Math.min(steps, end + shift));
        const to = edge === 'all' ? [first + shift, end + shift] : [a, b];
        store.edit(withWindow(doc, track, model.grid, [first, end], to, model.unit), name);
      },
      end: () => store.close(),
    };
  }

  const level = () => levelOf(model.track.controls[0] ?? model.track.control);
  const setLevel = (value) => store.edit(withLevelOf(store.doc, tracksOf(store.doc)[model.selected], level(), value), 'curve');

  function pointAt({ x, y }) {
    if (!model.track || !kindOf(model.track.control).level) return -1;
    const scale = curveScale(model.plan, model.track.kind);
    return points(bend(level())).findIndex(([p, v]) => Math.hypot(scale.x(p) - x, scale.y(v) - y) < 14);
  }

  function dragPoint(point) {
    if (!model.track || !kindOf(model.track.control).level) return null;
    const i = pointAt(point);
    model.point = i;
    if (i < 0) return null;
    const scale = curveScale(model.plan, model.track.kind);
    store.close();
    return {
      move: (p) => setLevel(movePoint(bend(level()), i, scale.progress(p.x), scale.value(p.y))),
      end: () => store.close(),
    };
  }

  function newPoint({ x, y }) {
    if (!model.track || !kindOf(model.track.control).level) return;
    const near = pointAt({ x, y });
    const scale = curveScale(model.plan, model.track.kind);
    store.close();
    if (near >= 0) setLevel(removePoint(bend(level()), near));
    else {
      const [value, i] = addPoint(bend(level()), scale.progress(x), scale.value(y));
      model.point = i;
      setLevel(value);
    }
    hooks.redraw();
  }
}

/** What the pointer did since the last frame. */
function all(event) {
  const list = event.getCoalescedEvents?.() ?? [];
  return list.length ? list : [event];
}
