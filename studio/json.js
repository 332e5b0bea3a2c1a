// JSON that keeps every whole number: those beyond 2^53, which JavaScript would round, are BigInt on this page. Seeds have 64 bits.

const MARK = `whole-${Math.random().toString(36).slice(2)}-`; // no text of a recipe holds it
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
const LONG = /\d{16}/;
const MARKED = new RegExp(`"${MARK}(-?\\d+)"`, 'g');

const isLong = (token) => /^-?[1-9]\d{15,}$/.test(token) && !Number.isSafeInteger(Number(token));

/** As JSON.parse, errors included. */
export function parse(text) {
  const value = JSON.parse(text);
  if (!LONG.test(text)) return value;
  const marked = text.replace(TOKENS, (token) => (isLong(token) ? `"${MARK}${token}"` : token));
  return JSON.parse(marked, (_, v) => (typeof v === 'string' && v.startsWith(MARK) ? BigInt(v.slice(MARK.length)) : v));
}

/** As JSON.stringify. */
export function stringify(value, space) {
  let long = false;
  const text = JSON.stringify(value, (_, v) => {
    if (typeof v !== 'bigint') return v;
    long = true;
    return MARK + v;
  }, space);
  return long ? text.replace(MARKED, '$1') : text;
}

/** Whether two values are the same JSON. */
export const same = (a, b) => stringify(a) === stringify(b);

/** A whole number of 0 or more and at most 64 bits, as text has it; undefined for all else. */
export function whole(text) {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const number = BigInt(text);
  if (number >= 2n ** 64n) return undefined;
  return number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : number;
}
