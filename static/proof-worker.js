/* Searches the number below `most` of which the salt and it have this SHA-256 (FIPS 180-4). The
   browser's own SHA-256 answers by a promise each time, which takes longer than the hash. */
"use strict";

const fractions = (root) => {
  const found = [];
  for (let n = 2; found.length < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (prime) found.push(((n ** root) % 1) * 2 ** 32 | 0);
  }
  return found;
};
const K = Int32Array.from(fractions(1 / 3));
const START = Int32Array.from(fractions(1 / 2).slice(0, 8));
const W = new Int32Array(64);
const H = new Int32Array(8);

/* The hash of one block that lies in W[0..15], into H. */
const hash = () => {
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15], y = W[i - 2];
    W[i] = W[i - 16] + W[i - 7]
      + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3)
      + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
  }
  let [a, b, c, d, e, f, g, h] = START;
  for (let i = 0; i < 64; i++) {
    const one = h + K[i] + W[i] + (e & f ^ ~e & g)
      + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) | 0;
    const two = (a & b ^ a & c ^ b & c)
      + ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) | 0;
    h = g; g = f; f = e; e = d + one | 0; d = c; c = b; b = a; a = one + two | 0;
  }
  H[0] = a + START[0]; H[1] = b + START[1]; H[2] = c + START[2]; H[3] = d + START[3];
  H[4] = e + START[4]; H[5] = f + START[5]; H[6] = g + START[6]; H[7] = h + START[7];
};

/* A text of 55 letters at most as the one block that it fits in. */
const lay = (text) => {
  W.fill(0, 0, 16);
  for (let i = 0; i < text.length; i++) W[i >> 2] |= text.charCodeAt(i) << 24 - 8 * (i & 3);
  W[text.length >> 2] |= 0x80 << 24 - 8 * (text.length & 3);
  W[15] = text.length * 8;
};

onmessage = ({ data: { salt, digest, most } }) => {
  const wanted = Int32Array.from(digest.match(/.{8}/g), (word) => parseInt(word, 16) | 0);
  for (let number = 0; number < most; number++) {
    lay(salt + number);
    hash();
    if (H[0] === wanted[0] && H.every((word, i) => word === wanted[i])) {
      postMessage(number);
      return;
    }
  }
  postMessage(null);
};
