// SHA-256 (FIPS 180-4) of a text, as hexadecimal. The browser's own needs HTTPS, and terminals on
// plain HTTP exist.
const root = (n, power) => Math.floor((n ** (1 / power) % 1) * 2 ** 32) | 0;
const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n += 1) if (PRIMES.every((p) => n % p)) PRIMES.push(n);
const START = PRIMES.slice(0, 8).map((p) => root(p, 2));
const K = PRIMES.map((p) => root(p, 3));
const turn = (x, n) => (x >>> n) | (x << (32 - n));

function padded(bytes) {
  const all = new Uint8Array(((bytes.length + 72) >> 6) << 6);
  all.set(bytes);
  all[bytes.length] = 0x80;
  new DataView(all.buffer).setUint32(all.length - 4, bytes.length * 8);
  return new DataView(all.buffer);
}

function schedule(view, at) {
  const w = Array.from({ length: 16 }, (_, n) => view.getInt32(at + 4 * n));
  for (let n = 16; n < 64; n += 1) {
    const [a, b] = [w[n - 15], w[n - 2]];
    const early = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3);
    const late = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
    w.push((w[n - 16] + early + w[n - 7] + late) | 0);
  }
  return w;
}

function round([a, b, c, d, e, f, g, h], word, k) {
  const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + k + word) | 0;
  const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
  return [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
}

export function sha256(text) {
  const view = padded(new TextEncoder().encode(text));
  let hash = START;
  for (let at = 0; at < view.byteLength; at += 64) {
    const mixed = schedule(view, at).reduce((now, word, n) => round(now, word, K[n]), hash);
    hash = hash.map((part, n) => (part + mixed[n]) | 0);
  }
  return hash.map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("");
}
