/**
 * Small pictures of attached images. The page's policy lets no foreign image in, so the bytes are
 * drawn onto a canvas. Customers send these files: a few kilobytes can unpack to gigabytes, so the
 * size is read from the file's head before anything is unpacked.
 */

const MOST_BYTES = 10_000_000;
const MOST_PIXELS = 50_000_000;
const HEAD_BYTES = 256 * 1024;
const SHOWN = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/** @param {{type?: string, size?: number}} file @returns {boolean} whether a picture of it may be shown */
export function isPicture(file) {
  return SHOWN.has(file.type) && (file.size ?? Infinity) <= MOST_BYTES;
}

/**
 * Draws an image.
 * @param {Blob} blob
 * @param {number} width at most, in CSS pixels
 * @param {number} height at most
 * @returns {Promise<HTMLCanvasElement|null>} null where it is no image, or too large a one
 */
export async function draw(blob, width, height) {
  const size = dimensions(new DataView(await blob.slice(0, HEAD_BYTES).arrayBuffer()));
  if (!size || size[0] * size[1] > MOST_PIXELS || !size[0] || !size[1]) return null;
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    return null;
  }
  const scale = Math.min(1, (width * devicePixelRatio) / bitmap.width, (height * devicePixelRatio) / bitmap.height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.style.width = `${canvas.width / devicePixelRatio}px`;
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/** Width and height as the heads of PNG, GIF, WebP and JPEG files say them, or null. */
function dimensions(view) {
  if (view.byteLength < 30) return null;
  if (view.getUint32(0) === 0x89504e47) return [view.getUint32(16), view.getUint32(20)];
  if (view.getUint32(0) === 0x47494638) return [view.getUint16(6, true), view.getUint16(8, true)];
  if (view.getUint32(0) === 0x52494646 && view.getUint32(8) === 0x57454250) return webp(view);
  if (view.getUint16(0) === 0xffd8) return jpeg(view);
  return null;
}

function webp(view) {
  const kind = view.getUint32(12);
  const small = (at) => view.getUint16(at, true) & 0x3fff;
  const large = (at) => 1 + view.getUint8(at) + (view.getUint16(at + 1, true) << 8);
  if (kind === 0x56503820) return [small(26), small(28)];
  if (kind === 0x56503858) return [large(24), large(27)];
  if (kind !== 0x5650384c) return null;
  const bits = view.getUint32(21, true);
  return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
}

/** The frame headers are C0 to CF, save C4, C8 and CC (ITU T.81, table B.1). */
function jpeg(view) {
  let at = 2;
  while (at + 9 < view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}
