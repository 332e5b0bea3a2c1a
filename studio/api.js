// The server's own API: answers as objects, failures as Problem, events of a job by callback. Knows no element of the page.
import { parse, stringify } from './json.js';
import { T } from './texts.js';

/** What went wrong, as the server says it (RFC 9457), or `away` where there is none. */
export class Problem extends Error {
  constructor({ title, detail, code, status }) {
    super({ 0: T.connection.away, 401: T.connection.locked }[status] ?? (detail || title || `HTTP ${status}`));
    this.code = code;
    this.status = status;
    this.away = status === 0;
  }

  /** Whether a picture was read and nothing in it says what made it. */
  get noRecipe() {
    return this.status === 400 && this.message.includes('holds no recipe');
  }

  /** The recipe's field that the text names, as "controls[0].where". */
  get field() {
    return /^\[([^[\]]*(?:\[\d+\][^[\]]*)*)\]/.exec(this.message)?.[1];
  }
}

async function ask(method, path, body, { raw, signal } = {}) {
  const headers = body === undefined ? {} : { 'Content-Type': raw ?? 'application/json' };
  const answer = await fetch(path, { method, headers, signal, body: raw || body === undefined ? body : stringify(body) }).catch(gone);
  const type = answer.headers.get('Content-Type') ?? '';
  const content = type.includes('json') ? parse(await whole(answer.text())) : null;
  if (!answer.ok) throw new Problem({ ...content, status: answer.status });
  return content ?? (type.startsWith('image/') ? whole(answer.blob()) : null);
}

/** The body, of which the rest may not come. */
const whole = (body) => body.catch(gone);

function gone(error) {
  if (error.name === 'AbortError') throw error;
  throw new Problem({ status: 0, code: 'away' });
}

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, v]) => v !== undefined && v !== '')).toString();
const path = (...parts) => `/v1/${parts.map(encodeURIComponent).join('/')}`;

export const api = {
  health: () => ask('GET', '/health'),
  models: () => ask('GET', '/v1/models'),
  blocks: (model) => ask('GET', `/v1/blocks?${query({ model })}`),
  tokenize: (request, signal) => ask('POST', '/v1/tokenize', request, { signal }),
  explain: (recipe, signal) => ask('POST', '/v1/explain', { recipe }, { signal }),
  start: (request) => ask('POST', '/v1/jobs', request),
  jobs: () => ask('GET', '/v1/jobs'),
  job: (id) => ask('GET', path('jobs', id)),
  change: (id, controls) => ask('PATCH', path('jobs', id), { controls }),
  cancel: (id) => ask('DELETE', path('jobs', id)),
  purge: (id) => ask('DELETE', `${path('jobs', id)}?purge=1`),
  /** A picture's bytes, of an address as the server gives it. */
  picture: (url) => ask('GET', url),
  upload: (blob) => ask('POST', '/v1/files', blob, { raw: blob.type || 'application/octet-stream' }),
  read: (blob) => ask('POST', '/v1/read', blob, { raw: blob.type || 'application/octet-stream' }),
  history: (q, before, limit = 100) => ask('GET', `/v1/history?${query({ q, before, limit })}`),
  recipes: () => ask('GET', '/v1/recipes'),
  recipe: (name) => ask('GET', path('recipes', name)),
  keep: (name, recipe) => ask('PUT', path('recipes', name), { recipe }),
  forget: (name) => ask('DELETE', path('recipes', name)),
};

/** A job's events: on({type, ...data}). Returns what ends listening. A lost connection is reported as {type: 'lost'}. */
export function listen(id, on) {
  const source = new EventSource(`${path('jobs', id)}/events`);
  for (const type of ['job', 'step', 'preview', 'edit']) {
    source.addEventListener(type, (event) => {
      const data = parse(event.data);
      on({ ...data, media: data.type, type });
    });
  }
  source.onerror = () => {
    source.close();
    on({ type: 'lost' });
  };
  return () => source.close();
}

export const FINAL = ['done', 'failed', 'cancelled', 'interrupted'];
