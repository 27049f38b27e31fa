/**
 * Runs the cases of one file of vectors/secret in the browser's own modules: the outcome of each, in the file's words.
 * Called by test_secret_vectors.py with the name of the file and its cases as JSON.
 */
async ([file, text]) => {
  const [envelope, document, records] = await Promise.all(
    ["envelope", "document", "records"].map((name) => import(`/static/${name}.js`)),
  );
  const { decode, encode } = await import("/static/binary.js");

  const raw = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const sha256 = async (bytes) => hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  const rest = (held) => Object.fromEntries(Object.entries(held).filter(([, value]) => value !== undefined));

  const exported = async (key, derived) => {
    // The content key cannot be taken out of WebCrypto: what it encrypts is compared instead, by whoever reads this.
    const iv = new Uint8Array(12);
    return hex(new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, derived[key], new Uint8Array(16))));
  };
  const content = (size) => Uint8Array.from({ length: size }, (_, i) => (i * 167 + (i >> 8)) % 256);
  const chunks = (bytes, size) =>
    new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.subarray(at, at + size));
        controller.close();
      },
    });
  const collect = async (stream, original) => {
    const parts = [];
    try {
      for await (const part of stream) parts.push(part);
    } catch (error) {
      // What came through before the failure must be a beginning of the file, and nothing else.
      const seen = new Uint8Array(await new Blob(parts).arrayBuffer());
      if (original && seen.some((byte, place) => byte !== original[place])) throw new Error("other bytes came through");
      throw error;
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  };
  const damaged = (body, damage) => {
    if (damage.flip !== undefined) return body.map((byte, place) => (place === damage.flip ? byte ^ 1 : byte));
    if (damage.order) {
      const parts = damage.order.map((n) => body.subarray(21 + n * 65536, 21 + (n + 1) * 65536));
      return raw([body.subarray(0, 21), ...parts].map(hex).join(""));
    }
    return raw(hex(body.subarray(0, damage.cut ?? body.length)) + (damage.append ?? ""));
  };

  const runners = {
    async schedule({ link_key, nonce, kdf, passphrase }) {
      const keys = await envelope.deriveKeys(encode(raw(link_key)), { nonce: encode(raw(nonce)), kdf }, passphrase);
      const found = {};
      for (const [name, proof] of Object.entries(keys.proofs)) {
        found[name] = hex(decode(proof, 32));
        found[`${name}_hash`] = await sha256(decode(proof, 32));
      }
      return { ...found, cek: await exported("cek", keys) };
    },
    passphrases: ({ passphrase }) => ({ bytes: hex(envelope.normalised(passphrase)) }),
    async documents({ document: held }) {
      const written = document.write(held);
      const again = document.write(document.read(written));
      return { text: new TextDecoder().decode(again), sha256: await sha256(written) };
    },
    padding: ({ length }) => ({ padded: document.paddedSize(length) }),
    async envelopes({ document: held, link_key, nonce, iv, passphrase, envelope: given }) {
      if (!iv) return { document: await envelope.unseal(encode(raw(link_key)), given, { passphrase }) };
      const dice = [link_key, nonce, iv];
      const { L, body } = await envelope.seal(held, { passphrase, random: () => raw(dice.shift()) });
      const opened = await envelope.unseal(L, body.envelope, { passphrase });
      if (JSON.stringify(document.write(opened)) !== JSON.stringify(document.write(held))) throw new Error("not equal");
      const auth = body.auth_hash && hex(decode(body.auth_hash, 32));
      return rest({ envelope: body.envelope, link_hash: hex(decode(body.link_hash, 32)), auth_hash: auth });
    },
    links({ fragment, text: whole, public_url, id, link_key }) {
      if (link_key) return { url: envelope.shareUrl(public_url, `sc_${encode(raw(id))}`, encode(raw(link_key))) };
      const found = envelope.readFragment(fragment ?? whole);
      return "L" in found ? { key: hex(decode(found.L, 32)) } : found;
    },
    async records({ key, salt, size, damage }) {
      const step = 10_007; // chunks that fit no record
      const sealing = records.sealRecords(raw(key), { salt: raw(salt) });
      const body = await collect(chunks(content(size), step).pipeThrough(sealing));
      const opening = records.openRecords(raw(damage?.key ?? key), damage?.size ?? size);
      const opened = collect(chunks(damaged(body, damage ?? {}), step).pipeThrough(opening), content(size));
      if ((await sha256(await opened)) !== (await sha256(content(size)))) throw new Error("another file came out");
      if (body.length !== records.bodySize(size)) throw new Error("bodySize is wrong");
      return { length: body.length, sha256: await sha256(body) };
    },
  };

  const outcomes = [];
  for (const { given } of JSON.parse(text)) {
    try {
      outcomes.push(await runners[file](given));
    } catch (error) {
      outcomes.push(error instanceof envelope.EnvelopeError ? { error: error.kind } : { thrown: String(error) });
    }
  }
  return outcomes;
};
