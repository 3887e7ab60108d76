/**
 * Sends a message with files. fetch can't say how much has gone out, and a big file on a slow line
 * may take minutes: the time limit here runs only while nothing moves.
 */

import { ApiError, NetworkError } from "./api.js";

const STALLED_AFTER_MS = 60_000;

/**
 * Sends `text` and `files` as a form.
 * @param {string} path
 * @param {{token: string, key: string, text: string, files: File[], onProgress?: (part: number) => void}} message
 *   `onProgress` gets the part that has gone out, 0 to 1
 * @returns {Promise<any>} the parsed answer
 * @throws {ApiError|NetworkError}
 */
export function upload(path, { token, key, text, files, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stalled = watch(STALLED_AFTER_MS, () => request.abort());
    const failed = () => { stalled.end(); reject(new NetworkError()); };
    request.upload.onprogress = ({ loaded, total }) => { stalled.moved(); onProgress?.(total ? loaded / total : 0); };
    request.onload = () => { stalled.end(); settle(request, resolve, reject); };
    request.onerror = failed;
    request.onabort = failed;
    request.open("POST", path);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Idempotency-Key", key);
    request.send(form(text, files));
  });
}

function form(text, files) {
  const data = new FormData();
  data.append("text", text);
  for (const file of files) data.append("files", file, file.name);
  return data;
}

function settle(request, resolve, reject) {
  const body = parse(request.responseText);
  if (request.status >= 200 && request.status < 300) return resolve(body ?? {});
  const seconds = Number.parseInt(request.getResponseHeader("Retry-After") ?? "", 10);
  return reject(new ApiError(request.status, body, Number.isFinite(seconds) ? seconds : null));
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function watch(limit, give) {
  let timer = setTimeout(give, limit);
  return {
    moved() { clearTimeout(timer); timer = setTimeout(give, limit); },
    end() { clearTimeout(timer); },
  };
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
