// What the page knows: the document {recipe, drafts, origin}, which can be undone, and everything else, which cannot. `origin` is
// another one where another recipe was taken over as a whole.

import { parse, same, stringify } from './json.js';
import { wrongIn } from './shape.js';

const KEY = 'corepulse-studio';

/** The README's example: a cat, of which the middle block reads "a dragon". */
export const EXAMPLE = {
  version: 1, prompt: 'a cat in a park', seed: 3, steps: 20,
  controls: [{ kind: 'inject', prompt: 'a dragon', gain_k: 2, gain_v: 2, where: 'middle:0' }],
};

const VIEW = { selected: 0, unfolded: [], first: true, seedLocked: true, live: true, heat: true, letters: true };

export function makeStore(kept = read()) {
  let doc = kept.doc ?? { recipe: EXAMPLE, drafts: [] };
  let view = { ...VIEW, first: !kept.doc, ...kept.view };
  const past = [];
  const future = [];
  const listeners = new Set();
  let group;
  const tell = (what) => {
    for (const listener of listeners) listener(what);
    write({ doc, view: { selected: view.selected, unfolded: view.unfolded, live: view.live, heat: view.heat, letters: view.letters, seedLocked: view.seedLocked, first: view.first, job: view.job, origin: view.origin, shown: view.shown, tab: view.tab, theme: view.theme } });
  };
  const step = (from, to) => {
    if (!from.length) return false;
    to.push(doc);
    doc = from.pop();
    group = undefined;
    tell({ doc: true, undone: true });
    return true;
  };
  return {
    get doc() { return doc; },
    get recipe() { return doc.recipe; },
    get view() { return view; },
    get canUndo() { return past.length > 0; },
    get canRedo() { return future.length > 0; },
    /** Changes the document. Changes of one `named` group in a row are undone together. */
    edit(change, named) {
      const next = typeof change === 'function' ? change(doc) : change;
      if (same(next, doc)) return;
      if (!named || named !== group) past.push(doc);
      if (past.length > 500) past.shift();
      group = named;
      future.length = 0;
      doc = next;
      tell({ doc: true });
    },
    /** Another recipe instead of the one that is there. */
    replace(recipe) {
      group = undefined;
      this.edit({ recipe, drafts: [], origin: same(recipe, doc.recipe) ? doc.origin : Math.random().toString(36).slice(2) });
    },
    editRecipe(fields, named) {
      const next = { ...doc.recipe, ...fields };
      for (const [key, value] of Object.entries(fields)) if (value === undefined) delete next[key];
      this.edit({ ...doc, recipe: next }, named);
    },
    /** Ends a group: the next change is undone by itself. */
    close() { group = undefined; },
    look(fields) {
      view = { ...view, ...fields };
      tell({ view: Object.keys(fields) });
    },
    /** All of it is the example's again, as on the first visit. */
    forget() {
      doc = { recipe: EXAMPLE, drafts: [] };
      view = { ...VIEW };
      past.length = future.length = 0;
      tell({ doc: true, undone: true, view: Object.keys(view) });
    },
    undo: () => step(past, future),
    redo: () => step(future, past),
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** This tab's own, which a reload finds again whatever other tabs did; a new tab begins with what was changed last, but draws nothing. */
function read() {
  const own = readFrom(() => sessionStorage);
  if (own.doc) return own;
  const { doc, view } = readFrom(() => localStorage);
  return { doc, view: { ...view, job: undefined } };
}

function readFrom(storage) {
  try {
    const { doc, view } = parse(storage().getItem(KEY)) ?? {};
    const sound = doc && wrongIn(doc.recipe) === null && Array.isArray(doc.drafts) && wrongIn({ controls: doc.drafts }) === null;
    return { doc: sound ? doc : undefined, view };
  } catch {
    return {};
  }
}

let pending;
function write(value) {
  clearTimeout(pending);
  flush = () => {
    clearTimeout(pending);
    const text = stringify(value);
    for (const storage of [() => sessionStorage, () => localStorage]) {
      try {
        storage().setItem(KEY, text);
      } catch { /* full or forbidden: the page works without */ }
    }
    flush = () => {}; // a tab that only goes away has changed nothing
  };
  pending = setTimeout(() => flush(), 100);
}
let flush = () => {};
if (typeof addEventListener === 'function') addEventListener('pagehide', () => flush());
