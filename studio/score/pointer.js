// The pointer over the score: paints, erases, drags brackets to steps, bends curves.
import { addPoint, bend, movePoint, points, removePoint } from './curve.js';
import { curveScale, windows } from './draw.js';
import { cellAt } from './layout.js';
import { kindOf, levelOf } from './kinds.js';
import { tracksOf, withFields } from './tracks.js';

const WRITE_EVERY = 90; // ms: how often the document, and so the server, hears of a stroke that goes on

/** hooks: {redraw(), say(text), tell(refused)} */
export function listenToPointer(canvas, model, store, hooks) {
  let gesture = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button || !model.plan) return;
    const point = place(event);
    gesture = start(point, event);
    if (!gesture) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    gesture.move(point);
    hooks.redraw();
  });
  canvas.addEventListener('pointermove', (event) => {
    const point = place(event);
    if (gesture) for (const e of all(event)) gesture.move(place(e));
    model.hover = model.plan && point.y >= model.plan.header ? cellAt(model.plan, point.x, point.y) : null;
    canvas.style.cursor = gesture ? '' : cursorAt(point);
    hooks.redraw();
  });
  const end = () => {
    if (!gesture) return;
    gesture.end();
    gesture = null;
    hooks.redraw();
  };
  canvas.addEventListener('pointerup', end);
  canvas.addEventListener('pointercancel', end);
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
    return JSON.stringify(levels[value - 1]) === JSON.stringify(model.brushLevel());
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
    if (y > model.plan.header || y < model.plan.header - 22 || model.selected < 0 || !model.cells[model.selected]) return null;
    for (const [first, end] of windows(model.cells[model.selected]).slice(0, 4)) {
      const left = first * model.plan.column;
      const right = end * model.plan.column;
      if (Math.abs(x - left) < 9) return { first, end, edge: 'first' };
      if (Math.abs(x - right) < 9) return { first, end, edge: 'end' };
      if (x > left && x < right && y < model.plan.header - 10) return { first, end, edge: 'all' };
    }
    return null;
  }

  function dragBracket({ first, end, edge }, from) {
    const { saved } = model.begin('bracket');
    return {
      move(point) {
        const steps = model.grid.steps.length;
        const by = Math.round((point.x - from.x) / model.plan.column);
        const shift = edge === 'all' ? Math.max(-first, Math.min(steps - end, by)) : by;
        const a = edge === 'end' ? first : Math.max(0, Math.min(end - 1, first + shift));
        const b = edge === 'first' ? end : Math.max(first + 1, Math.min(steps, end + shift));
        model.stroke.cells.data.set(saved);
        moveWindow(model.stroke.cells, [first, end], edge === 'all' ? [first + shift, end + shift] : [a, b]);
        write();
      },
      end: () => model.commit(true),
    };
  }

  const level = () => levelOf(model.track.controls[0] ?? model.track.control);
  const setLevel = (value) => store.edit(withFields(store.doc, tracksOf(store.doc)[model.selected], { [kindOf(model.track.control).level]: value }), 'curve');

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

/** Every row's stretch [first, end] becomes [a, b]. */
export function moveWindow(cells, [first, end], [a, b]) {
  for (let row = 0; row < cells.rows; ++row) {
    const offset = row * cells.columns;
    const value = cells.data[offset + first];
    const whole = value && !sticks(cells, offset, first - 1) && !sticks(cells, offset, end) && cells.data.subarray(offset + first, offset + end).every((v) => v === value);
    if (!whole) continue;
    cells.data.fill(0, offset + first, offset + end);
    cells.data.fill(value, offset + a, offset + b);
  }
}

const sticks = (cells, offset, column) => column >= 0 && column < cells.columns && cells.data[offset + column];
