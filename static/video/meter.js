// How loud the microphone is, as a bar.

import { make } from '../dom.js';

/** Decibels below full scale at which the bar is empty. */
const FLOOR_DB = -60;
/** How much of the bar is left a frame later, when it is silent. */
const DECAY = 0.93;
const SPOKEN_MS = 250;

export class Meter {
  #bar = make('i');
  element = make('div', { className: 'level', role: 'meter', 'aria-label': 'Microphone level', 'aria-valuemin': '0', 'aria-valuemax': '100', 'aria-valuenow': '0' }, this.#bar);
  #audio = null;
  #source = null;
  #analyser = null;
  #track = null;
  #frame = 0;
  #spokenAt = 0;

  /** Shows the level of a track, or none. */
  follow(track) {
    if (track === this.#track) return;
    this.#track = track;
    this.#source?.disconnect();
    this.#source = null;
    cancelAnimationFrame(this.#frame);
    this.#show(0);
    if (!track || !window.AudioContext) return;
    this.#audio ??= new AudioContext();
    void this.#audio.resume();
    this.#analyser ??= new AnalyserNode(this.#audio, { fftSize: 1024, smoothingTimeConstant: 0 });
    this.#source = this.#audio.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
    const samples = new Float32Array(this.#analyser.fftSize);
    let part = 0;
    const draw = () => {
      this.#analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      const level = 10 * Math.log10(sum / samples.length + 1e-12);
      const now = Math.max(0, Math.min(1, 1 - level / FLOOR_DB));
      // It falls more slowly than it rises, so that a short sound is seen.
      part = Math.max(now, part < 0.01 ? 0 : part * DECAY);
      this.#show(part);
      this.#frame = requestAnimationFrame(draw);
    };
    draw();
  }

  /** Lets go of the track and of what measured it. */
  stop() {
    this.follow(null);
    void this.#audio?.close();
    this.#audio = this.#analyser = null;
  }

  #show(part) {
    this.#bar.style.setProperty('transform', `scaleX(${part.toFixed(3)})`);
    const now = performance.now();
    if (part && now - this.#spokenAt < SPOKEN_MS) return;
    this.#spokenAt = now;
    this.element.setAttribute('aria-valuenow', String(Math.round(part * 100)));
  }
}
