/**
 * Who the site around the chat says its customer is, as far as a page needs to know: which of the
 * browser's stored conversations is theirs. Nothing is believed here; the server checks the signature
 * when a session starts.
 */

/** @typedef {string|{user_id: string, name?: string, hash: string}} Identity a JWT, or an id with its HMAC */

/**
 * The part of the browser's storage that belongs to `identity`: '' for a guest, a hash otherwise,
 * so that no customer's id lies about in the browser.
 * @param {Identity|null} identity
 * @returns {Promise<string>}
 */
export async function scopeOf(identity) {
  return identity ? digest(JSON.stringify(subjectOf(identity))) : "";
}

/** @param {Identity} identity @returns {Promise<string>} what tells this very identity from a newly signed one */
export function fingerprint(identity) {
  return digest(JSON.stringify(identity));
}

/** Whose id it is; something that can't be read belongs to itself alone, and the server will refuse it. */
function subjectOf(identity) {
  if (typeof identity !== "string") return ["user", identity.user_id];
  try {
    const payload = identity.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof sub === "string") return ["user", sub];
  } catch {
    // Not a token.
  }
  return ["token", identity];
}

async function digest(text) {
  // Plain http on a team's own network has no crypto.subtle; there the text stands for itself.
  if (!crypto.subtle) return encodeURIComponent(text);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
