// Draws: starts a job, follows it, changes it while it runs, and finds it again after a reload or a restart of the server.
import { FINAL, api, listen } from './api.js';
import { stringify } from './json.js';
import { T } from './texts.js';

const PATCH_EVERY = 150; // ms
const MOST_WORDS = 16; // with heat maps: the server's limit

export function makePlayer(store, events, say, announce) {
  const player = { job: null, preview: null, picture: null, pictures: [], plain: null, acting: [], problem: null, busy: false, message: '' };
  let stop = () => {};
  let timer;
  let patched;
  let sending = false;
  let half = false; // of the run is said to be done
  let starting = false; // the server has been asked to draw, and has not answered
  let unwanted = false; // it is to be stopped as soon as it has
  const tell = () => events.tell('player', player);

  /** Words of the prompt, for heat maps. */
  function words(recipe) {
    const list = (recipe.prompt ?? '').split(/\s+/).map((w) => w.replace(/^\p{P}+|\p{P}+$/gu, ''));
    return [...new Set(list.filter((w) => /^[\p{L}\p{N}]{2,}$/u.test(w)))].slice(0, MOST_WORDS);
  }

  async function draw() {
    if (player.busy) return;
    const recipe = { ...store.recipe };
    if (!store.view.seedLocked) {
      recipe.seed = Math.floor(Math.random() * 4294967295);
      delete recipe.seeds;
      store.editRecipe({ seed: recipe.seed, seeds: undefined });
    }
    Object.assign(player, { job: null, busy: true, problem: null, preview: null, picture: null, plain: null, message: T.draw.queued(0) });
    patched = stringify(recipe.controls ?? []);
    unwanted = half = false;
    starting = true;
    store.look({ origin: store.doc.origin });
    tell();
    announce(T.draw.begins);
    try {
      const plain = recipe.syntax === undefined || recipe.syntax === 'plain';
      const job = await api.start({ recipe, previews: 1, heat_maps: store.view.heat && plain ? words(recipe) : [] });
      starting = false;
      store.look({ job: job.id, first: false });
      follow({ recipe, ...job });
      if (unwanted) await cancel();
    } catch (error) {
      fail(error);
    }
  }

  function fail(error) {
    starting = false;
    Object.assign(player, { busy: false, problem: error, message: error.status === 429 ? T.draw.full : '' });
    if (error.away) events.tell('away', error);
    store.look({ playhead: undefined });
    tell();
  }

  function follow(job) {
    stop();
    player.job = job;
    player.busy = !FINAL.includes(job.state);
    stop = listen(job.id, (event) => handlers[event.type]?.(event));
    tell();
  }

  const handlers = {
    job(event) {
      const job = event.job ?? event;
      player.job = { ...player.job, ...job };
      if (job.state === 'queued') player.message = T.draw.queued(job.position ?? 0);
      if (job.state === 'running' && job.steps) progress(job);
      if (job.state === 'running') change();
      if (FINAL.includes(job.state)) finish(player.job);
      tell();
    },
    step(event) {
      progress(event);
      player.acting = event.acting ?? [];
      tell();
    },
    preview(event) {
      if (event.image) return;
      player.preview = { url: `data:${event.media ?? 'image/png'};base64,${event.data}`, step: event.step };
      tell();
    },
    edit() {
      tell();
    },
    lost() {
      if (player.busy) events.tell('away', { job: true });
    },
  };

  /** Of the pass that is drawn: a second one's steps are its own, and the score has the first one's. */
  function progress({ step, steps, sigma, pass = 0, passes = 1 }) {
    Object.assign(player.job, { step, steps, sigma, pass, passes });
    player.message = T.draw.step(step, steps, sigma, passes > 1 ? pass + 1 : 0);
    const next = Math.min(step, steps - 1);
    const { playhead } = store.view;
    if (playhead?.step !== next || playhead.pass !== pass) store.look({ playhead: { step: next, pass, sigma } });
    if (!half && 2 * step >= steps) announce(T.draw.half);
    half ||= 2 * step >= steps;
  }

  function finish(job) {
    stop();
    clearTimeout(timer);
    timer = undefined;
    Object.assign(player, { busy: false, acting: [], preview: job.state === 'done' ? null : player.preview });
    store.look({ playhead: undefined, job: undefined, shown: job.state === 'done' ? job.id : store.view.shown });
    if (job.state === 'done') {
      adopt(job);
      const edits = job.recipe?.edits?.length ?? 0;
      player.message = `${T.draw.done((job.finished ?? 0) - (job.started ?? 0))}${edits ? ` · ${T.draw.edited(edits)}` : ''}`;
      events.tell('drawn', job);
    } else {
      player.message = { cancelled: T.draw.cancelled, interrupted: T.draw.interrupted, failed: T.draw.failed }[job.state];
      if (job.error) player.problem = Object.assign(new Error(job.error.detail ?? job.error.title), job.error);
    }
    announce(player.message);
  }

  function adopt(job) {
    player.pictures = (job.pictures ?? []).map((p) => ({ ...p, recipe: job.recipe, heat: job.heat_maps ?? [] }));
    player.picture = player.pictures[0] ?? null;
  }

  /** Live: the score as it is now, from the next step on. */
  function change() {
    if (!player.busy || player.held || !store.view.live || player.job?.state !== 'running') return;
    const text = stringify(store.recipe.controls ?? []);
    if (text !== patched && !timer && !sending) timer = setTimeout(send, PATCH_EVERY);
  }

  /** One at a time, so that none overtakes another; what did not arrive is sent again when the server is back. */
  async function send() {
    timer = undefined;
    if (player.held) return;
    const now = store.recipe.controls ?? [];
    patched = stringify(now);
    sending = true;
    try {
      await api.change(player.job.id, now);
      events.tell('patched', now);
    } catch (error) {
      if (error.away) {
        patched = '';
        events.tell('away', error);
        return;
      }
      if (error.status !== 409) events.tell('refused', error);
    } finally {
      sending = false;
    }
    change();
  }
  store.on((what) => what.doc && change());

  /** Takes up a job that was left behind: by a reload, or because the server went away. */
  async function reattach() {
    const id = player.job && player.busy ? player.job.id : store.view.job;
    if (!id) return showLast();
    try {
      const job = await api.job(id);
      if (!FINAL.includes(job.state)) say(T.draw.reattached);
      patched ??= stringify(store.recipe.controls ?? []);
      follow(job);
      if (FINAL.includes(job.state)) handlers.job({ job });
    } catch (error) {
      if (error.away) throw error;
      handlers.job({ job: { id, state: 'interrupted' } });
    }
  }

  /** After a reload: the picture that was there. */
  async function showLast() {
    if (player.picture || !store.view.shown) return;
    const job = await api.job(store.view.shown).catch(() => null);
    if (job?.state !== 'done' || player.busy) return;
    adopt(job);
    tell();
  }

  /** Where the server has not yet said what it is called: as soon as it has. */
  async function cancel() {
    if (!player.busy) return;
    if (starting) {
      unwanted = true;
      player.message = T.draw.stopping;
      tell();
    } else if (player.job) await api.cancel(player.job.id).catch(goesOn);
  }

  /** It could not be stopped: unless it has ended by itself it is still being drawn. */
  function goesOn(error) {
    if ([404, 409].includes(error.status)) return;
    if (error.away) events.tell('away', error);
    else say(error.message);
  }

  /** Shows a picture of the history. */
  function show(picture) {
    if (player.busy) return;
    Object.assign(player, { picture, pictures: [picture], preview: null, plain: null, problem: null, message: '' });
    tell();
  }

  Object.defineProperties(player, {
    changing: { get: () => timer !== undefined || sending }, // a live change is on its way
    held: { get: () => player.busy && store.doc.origin !== store.view.origin }, // the document is about another picture than the one that is drawn
  });
  return Object.assign(player, { draw, cancel, reattach, show, tell });
}

/** The recipe without the heat maps that the page itself asked for. */
export function withoutHeat(recipe) {
  const plain = ({ kind, phrase, name, ...rest }) => kind === 'capture' && phrase && !Object.keys(rest).length;
  const cleaned = (controls) => controls.filter((c) => !plain(c));
  const { controls = [], edits, ...others } = recipe;
  const kept = cleaned(controls);
  if (kept.length) others.controls = kept;
  if (edits) others.edits = edits.map((edit) => ({ ...edit, controls: cleaned(edit.controls ?? []) }));
  return others;
}

/** The recipe without anything that the score adds: what a picture is compared with. */
export function plainOf(recipe) {
  const { controls: _, edits: __, ...plain } = recipe;
  if (!plain.second_pass) return plain;
  const { controls: ___, ...second } = plain.second_pass;
  return { ...plain, second_pass: second };
}

/** Draws the plain run beside; resolves to its pictures. */
export function drawPlain(recipe) {
  return new Promise((resolve, reject) => {
    api.start({ recipe: plainOf(recipe), previews: 0 }).then((job) => {
      const stop = listen(job.id, (event) => {
        const state = (event.job ?? event).state;
        if (event.type === 'lost') reject(new Error(T.connection.away));
        if (event.type !== 'job' || !FINAL.includes(state)) return;
        stop();
        const done = event.job ?? event;
        if (state === 'done') resolve(done.pictures);
        else reject(new Error(done.error?.detail ?? T.draw.failed));
      });
    }, reject);
  });
}
