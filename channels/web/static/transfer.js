/**
 * Files on their way between a page and the server: up as a form with a share of what has gone, down
 * as bytes for the browser's own download. Both pages use it; errors are those of api.js.
 */

import { NetworkError, parse, refusal } from "./api.js";
import { el } from "./dom.js";

const STALLED_AFTER_MS = 60_000;
const LINK_LIVES_MS = 60_000;

/**
 * Sends fields and files as one form. fetch can't say how much has gone out, and a big file on a slow
 * line may take minutes: the time limit runs only while nothing moves.
 * @param {string} path
 * @param {{token: string, key: string, fields: Object, files: Array<File>, onProgress?: (share: number) => void}} what
 *   `onProgress` hears how much has gone, 0 to 1
 * @returns {Promise<any>} the parsed answer
 * @throws {ApiError|NetworkError}
 */
export function upload(path, { token, key, fields, files, onProgress }) {
  const request = new XMLHttpRequest();
  request.open("POST", path);
  const headers = { Accept: "application/json", Authorization: `Bearer ${token}`, "Idempotency-Key": key };
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  return new Promise((resolve, reject) => {
    const stalled = watch(() => request.abort());
    request.upload.onprogress = ({ loaded, total }) => {
      stalled.moved();
      onProgress?.(total ? loaded / total : 0);
    };
    request.onloadend = () => {
      stalled.end();
      settle(request, resolve, reject);
    };
    request.send(form(fields, files));
  });
}

function form(fields, files) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) data.append(name, value);
  for (const file of files) data.append("files", file, file.name);
  return data;
}

/** Status 0 means that no answer came: offline, cut off, or too slow. */
function settle(request, resolve, reject) {
  const { status, responseText } = request;
  if (!status) return reject(new NetworkError());
  if (status < 300) return resolve(parse(responseText) ?? {});
  reject(refusal(status, responseText, request.getResponseHeader("Retry-After")));
}

function watch(give) {
  let timer = setTimeout(give, STALLED_AFTER_MS);
  return {
    moved() {
      clearTimeout(timer);
      timer = setTimeout(give, STALLED_AFTER_MS);
    },
    end: () => clearTimeout(timer),
  };
}

/**
 * Fetches a file. It needs the token in a header, so a plain link can't do it.
 * @param {string} path
 * @param {string} token
 * @returns {Promise<Blob>}
 * @throws {ApiError|NetworkError}
 */
export async function fetchFile(path, token) {
  let response;
  try {
    response = await fetch(path, { headers: { Authorization: `Bearer ${token}` }, cache: "no-store", credentials: "same-origin" });
    if (response.ok) return await response.blob();
  } catch {
    throw new NetworkError();
  }
  throw refusal(response.status, await response.text(), response.headers.get("Retry-After"));
}

/**
 * Hands bytes to the browser's own download. What others sent is never opened as a page.
 * @param {Blob} blob
 * @param {string} name what to save it as
 */
export function saveFile(blob, name) {
  const address = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
  const link = el("a", { href: address, download: name || "file", hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), LINK_LIVES_MS);
}

/**
 * Whether every file can still be read: one that was changed or removed on the disk since it was
 * chosen fails like a lost connection, but would fail for ever.
 * @param {File[]} files
 * @returns {Promise<boolean>}
 */
export async function readable(files) {
  try {
    await Promise.all(files.map((file) => file.slice(0, 1).arrayBuffer()));
    return true;
  } catch {
    return false;
  }
}
