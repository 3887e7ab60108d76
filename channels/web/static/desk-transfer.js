/**
 * Files on their way between the desk and the server: up as a form with a share of what has gone,
 * down as bytes. Used by desk-api.js; errors are those of api.js.
 */

import { ApiError, NetworkError } from "./api.js";

const QUIET_LIMIT_MS = 60_000;

/**
 * Sends fields and files as one form. It may take as long as it needs, while bytes still move.
 * @param {string} path
 * @param {{token: string, key: string, fields: Object, files: Array<File>, onProgress?: (share: number) => void}} what
 *   `onProgress` hears how much has gone, 0 to 1
 * @returns {Promise<Object>} the parsed answer
 * @throws {ApiError|NetworkError}
 */
export function upload(path, { token, key, fields, files, onProgress }) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.append(name, value);
  for (const file of files) form.append("files", file, file.name);
  const request = new XMLHttpRequest();
  request.open("POST", path);
  const headers = { Accept: "application/json", Authorization: `Bearer ${token}`, "Idempotency-Key": key };
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.responseType = "text";
  return new Promise((resolve, reject) => {
    const watch = watchdog(() => request.abort());
    request.upload.onprogress = ({ loaded, total }) => {
      watch.moved();
      onProgress?.(total ? loaded / total : 0);
    };
    request.onloadend = () => {
      watch.end();
      settle(request, resolve, reject);
    };
    request.send(form);
  });
}

/** Status 0 means that no answer came: offline, cut off, or too slow. */
function settle(request, resolve, reject) {
  if (!request.status) return reject(new NetworkError());
  const body = parse(request.responseText);
  if (request.status < 300) return resolve(body ?? {});
  const seconds = Number.parseInt(request.getResponseHeader("Retry-After") ?? "", 10);
  reject(new ApiError(request.status, body, Number.isFinite(seconds) ? seconds : null));
}

/**
 * Fetches a file.
 * @param {string} path
 * @param {string} token
 * @returns {Promise<Blob>}
 * @throws {ApiError|NetworkError}
 */
export async function fetchFile(path, token) {
  let response;
  try {
    response = await fetch(path, { headers: { Authorization: `Bearer ${token}` }, credentials: "same-origin" });
    if (response.ok) return await response.blob();
  } catch {
    throw new NetworkError();
  }
  throw new ApiError(response.status, parse(await response.text()), null);
}

function watchdog(bite) {
  let timer = setTimeout(bite, QUIET_LIMIT_MS);
  return {
    moved() {
      clearTimeout(timer);
      timer = setTimeout(bite, QUIET_LIMIT_MS);
    },
    end: () => clearTimeout(timer),
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
