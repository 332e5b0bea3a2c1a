// What the server says of the document, asked again a moment after each change: the model's blocks, the run's steps, what acts
// where (`explained`), and what is wrong. The page paints by its own reading and shows the server's.
import { api } from './api.js';
import { debounce } from './dom.js';
import { stringify } from './json.js';
import { makeGrid, stepsOf } from './score/grid.js';
import { MOST_STEPS } from './shape.js';

/** The fields of a recipe that decide its steps. */
const SCHEDULE = ['model', 'unet', 'steps', 'sampler', 'schedule', 'timesteps', 'sigmas', 'few_steps', 'init', 'compat', 'zero_snr', 'refiner'];

/** A guess until the server has answered: noise levels of Stable Diffusion's usual schedule. */
export function guessedCalls(wanted = 20) {
  const steps = Math.max(1, Math.min(MOST_STEPS, Math.round(wanted) || 1));
  return Array.from({ length: steps }, (_, step) => {
    const t = steps > 1 ? 999 * (1 - step / (steps - 1)) : 999;
    const beta = (i) => (0.00085 ** 0.5 + (i / 999) * (0.012 ** 0.5 - 0.00085 ** 0.5)) ** 2;
    let log = 0;
    for (let i = 0; i <= t; ++i) log += Math.log(1 - beta(i));
    return { step, first: true, t, progress: steps > 1 ? step / (steps - 1) : 0, sigma: Math.sqrt((1 - Math.exp(log)) / Math.exp(log)) };
  });
}

/** The answer's calls and what acts in them, of a run that a refiner ends: its own stand behind the model's. */
export function withRefiner(answer) {
  const refined = answer.refiner?.program;
  if (!refined) return answer;
  const { calls, controls = [] } = answer;
  const both = (own, other) => {
    if (other?.state !== 'acts') return own;
    const { reason: _, ...rest } = own;
    return { ...rest, state: 'acts', calls: [...(own.calls ?? []), ...other.calls.map((c) => c + calls.length)] };
  };
  return { ...answer, calls: [...calls, ...refined.calls], controls: controls.map((own, i) => both(own, refined.controls[i])) };
}

export function makeReading(store, events) {
  const state = { blocks: [], grid: null, explained: [], calls: null, second: null, notes: [], problem: null, models: null, stale: true };
  let key;
  let model;
  let abort;

  /** Whether the blocks are the document's model's; another one may have been chosen while they were read. */
  async function loadModel() {
    const wanted = store.recipe.model ?? '';
    if (model === wanted && state.blocks.length) return true;
    const { blocks } = await api.blocks(wanted || undefined);
    if (wanted !== (store.recipe.model ?? '')) return false;
    model = wanted;
    state.blocks = blocks;
    state.grid = makeGrid(blocks, state.calls ?? guessedCalls(store.recipe.steps));
    events.tell('grid');
    return true;
  }

  function take(answer, schedule) {
    const calls = stepsOf(answer.calls);
    state.calls = answer.calls;
    if (schedule !== key || calls.length !== state.grid.steps.length || calls[0]?.sigma !== state.grid.steps[0]?.sigma) {
      key = schedule;
      state.grid = makeGrid(state.blocks, answer.calls);
      events.tell('grid');
    }
  }

  /** The steps change even where a control is wrong: then they are asked for without controls. */
  async function plainSteps(schedule, signal) {
    if (schedule === key) return;
    const { controls: _, edits: __, second_pass: ___, ...plain } = store.recipe;
    try {
      take(withRefiner(await api.explain(plain, signal)), schedule);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
    }
  }

  async function ask() {
    abort?.abort();
    abort = new AbortController();
    const { signal } = abort;
    const schedule = stringify(SCHEDULE.map((f) => store.recipe[f]));
    try {
      if (!await loadModel()) return;
      const answer = withRefiner(await api.explain(store.recipe, signal));
      take(answer, schedule);
      Object.assign(state, { explained: answer.controls ?? [], notes: answer.notes ?? [], second: stepsOf(answer.second_pass?.program?.calls ?? []), problem: null, stale: false });
    } catch (error) {
      if (error.name === 'AbortError') return;
      if (signal.aborted) return;
      if (error.away) return events.tell('away', error);
      Object.assign(state, { problem: error, explained: [], stale: false });
      if (state.grid) await plainSteps(schedule, signal).catch(() => {});
    }
    events.tell('explained');
  }

  const later = debounce(120, ask);
  store.on((what) => {
    if (!what.doc) return;
    abort?.abort(); // its answer would be about what was there before
    state.stale = true;
    later();
  });
  return {
    state,
    ask,
    async models() {
      state.models = await api.models();
      events.tell('models');
      return state.models;
    },
  };
}

/** Callbacks by name. */
export function makeEvents() {
  const listeners = new Map();
  return {
    on(name, call) {
      listeners.set(name, [...(listeners.get(name) ?? []), call]);
    },
    tell(name, ...args) {
      for (const call of listeners.get(name) ?? []) call(...args);
    },
  };
}
