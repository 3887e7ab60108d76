/**
 * Dates and durations as people say them, in the reader's own locale and time zone.
 * The server sends ISO-8601 in UTC; a date that can't be read shows as nothing, never as "Invalid".
 */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayAndMonth = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function read(iso) {
  const date = new Date(iso ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** @param {string|null} iso @returns {number} milliseconds since 1970, or NaN */
export function instant(iso) {
  return read(iso)?.getTime() ?? NaN;
}

/** @param {string} iso @returns {string} for example 14:05 */
export function timeOfDay(iso) {
  const date = read(iso);
  return date ? clock.format(date) : "";
}

/** @param {string} iso @returns {string} date and time */
export function dateAndTime(iso) {
  const date = read(iso);
  return date ? full.format(date) : "";
}

/** @param {string} iso @returns {string} Today, Yesterday, or weekday and date */
export function dayName(iso) {
  const date = read(iso);
  if (!date) return "";
  const days = Math.round((startOfDay(new Date()) - startOfDay(date)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return dayAndMonth.format(date);
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/**
 * The time since `iso`, short: now, 4 min, 2 h, 3 d.
 * @param {string} iso
 * @param {number} [now]
 * @returns {string}
 */
export function since(iso, now = Date.now()) {
  const minutes = Math.floor((now - instant(iso)) / 60_000);
  if (Number.isNaN(minutes)) return "";
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes}\u00a0min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)}\u00a0h`;
  return `${Math.floor(minutes / 1440)}\u00a0d`;
}

/** @param {string} iso @returns {string} for example just now, 4 min ago */
export function ago(iso) {
  const passed = since(iso);
  return passed === "now" ? "just now" : passed && `${passed}\u00a0ago`;
}

/**
 * A length of time as people say it: 40 s, 7 min, 1 h 5 min, 3 d.
 * @param {number|null} seconds
 * @returns {string} "" where it is not known
 */
export function duration(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return "";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  if (minutes >= 48 * 60) return `${Math.floor(minutes / 1440)} d`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}
