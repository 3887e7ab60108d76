/**
 * Two soft notes for a new case, made in the browser; off until the operator turns them on.
 */

import { byId } from "./dom.js";
import { lasting } from "./memory.js";

const STORED = "threadline.desk.sound";
const NOTES_HZ = [587.33, 880];

export class Sound {
  #on = lasting.get(STORED) === true;
  #context = null;

  constructor() {
    const button = byId("sound");
    const show = () => button.setAttribute("aria-pressed", String(this.#on));
    button.addEventListener("click", () => {
      this.#on = !this.#on;
      lasting.set(STORED, this.#on);
      show();
      this.play();
    });
    show();
  }

  /** Plays the notes when the sound is on; a browser that refuses stays silent. */
  play() {
    if (!this.#on) return;
    try {
      this.#context ??= new AudioContext();
      this.#context.resume();
      NOTES_HZ.forEach((pitch, place) => note(this.#context, pitch, place * 0.16));
    } catch {
      this.#context = null;
    }
  }
}

function note(context, pitch, delay) {
  const start = context.currentTime + delay;
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.type = "sine";
  tone.frequency.value = pitch;
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(0.08, start + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.45);
  tone.connect(volume).connect(context.destination);
  tone.start(start);
  tone.stop(start + 0.5);
}
