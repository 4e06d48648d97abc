// One connection between two browsers. Either side may offer at any time, also both at once: then the polite one gives in.

/** How long a connection may be away before it is looked for anew. */
const AWAY_MS = 3_000;
/** Candidates kept until the description comes that they belong to. */
const EARLY_MAX = 64;
const KINDS = { camera: 'video', microphone: 'audio' };

/**
 * Dispatches `connected`, `away` (it may come back), and `stuck` when this browser cannot go on. `stream` is what comes from
 * the other side.
 */
export class Peer extends EventTarget {
  #connection;
  #config;
  #send;
  #canSend;
  #isPolite;
  #isOffering = false;
  /** Candidates that came before the description they belong to. */
  #early = [];
  /** What was heard is dealt with one after the other. */
  #queue = Promise.resolve();
  #tracks = { camera: null, microphone: null };
  #senders = { camera: null, microphone: null };
  #awayTimer = 0;
  /** Another way is to be looked for as soon as that can be said. */
  #isRestartDue = false;
  #isClosed = false;
  stream = new MediaStream();
  /** What is known when it does not work. */
  facts = { hasHeard: false, isForeign: false, isStuck: false, candidatesHeard: 0, candidatesFound: 0, hasRoute: false, isRelayOnly: false };

  /** `send` passes a signal to the other side, { type, sdp } or { type, candidate }; `canSend` says whether that is possible now. */
  constructor({ isPolite, config, send, canSend }) {
    super();
    this.#isPolite = isPolite;
    this.#config = config;
    this.#send = send;
    this.#canSend = canSend;
    this.facts.isRelayOnly = config.iceTransportPolicy === 'relay';
    this.#renew();
  }

  /** Makes an offer, to begin with. */
  offer() {
    for (const kind of Object.keys(KINDS)) {
      const { sender, receiver } = this.#connection.addTransceiver(KINDS[kind], { direction: 'sendrecv', streams: [this.stream] });
      this.#adopt(kind, sender, receiver);
    }
  }

  /** Deals with what the other side signals: { type, sdp } or { type, candidate }. */
  hear(signal) {
    this.#queue = this.#queue.then(() => (this.#isClosed ? undefined : this.#take(signal))).catch(() => {
      // The other side may send anything; what makes no sense changes nothing, but may be why nothing comes of it.
      this.facts.isForeign ||= signal.type !== 'iceCandidate' && !this.#connection.remoteDescription;
    });
    return this.#queue;
  }

  /** Sends this track from now on, or nothing. */
  setTrack(kind, track) {
    this.#tracks[kind] = track;
    const sender = this.#senders[kind];
    if (sender && sender.track !== track) void sender.replaceTrack(track).catch(() => {});
  }

  /** Uses these servers when another way is looked for. */
  configure(config) {
    this.#config = config;
    this.#connection.setConfiguration(config);
  }

  /** Looks for another way, such as after a change of networks; later, if the other side cannot be told now. */
  restart() {
    if (this.#isClosed || !this.#connection.remoteDescription) return;
    this.#isRestartDue = !this.#canSend();
    if (!this.#isRestartDue) this.#connection.restartIce();
  }

  /** The other side can be told again. */
  resume() {
    if (this.#isRestartDue) this.restart();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#awayTimer);
    this.#connection.close();
    for (const track of this.stream.getTracks()) this.stream.removeTrack(track);
  }

  #renew() {
    this.#connection?.close();
    const connection = new RTCPeerConnection(this.#config);
    this.#connection = connection;
    const isCurrent = () => connection === this.#connection && !this.#isClosed;
    connection.onnegotiationneeded = () => isCurrent() && this.#negotiate();
    connection.onicecandidate = ({ candidate }) => {
      if (!isCurrent()) return;
      if (candidate?.candidate) this.facts.candidatesFound += 1;
      this.#send({ type: 'iceCandidate', candidate });
    };
    connection.onconnectionstatechange = () => isCurrent() && this.#watch(connection.connectionState);
    connection.oniceconnectionstatechange = () => {
      if (isCurrent() && /^(connected|completed)$/.test(connection.iceConnectionState)) this.facts.hasRoute = true;
    };
  }

  #watch(state) {
    clearTimeout(this.#awayTimer);
    if (state === 'connected') {
      this.dispatchEvent(new Event('connected'));
    } else if (state === 'disconnected' || state === 'failed') {
      this.dispatchEvent(new Event('away'));
      // What has failed does not come back by itself; but not at once again, if it fails at once.
      const look = () => {
        this.restart();
        this.#awayTimer = setTimeout(look, AWAY_MS);
      };
      if (state === 'failed') look();
      else this.#awayTimer = setTimeout(look, AWAY_MS);
    }
  }

  async #negotiate() {
    const connection = this.#connection;
    this.#isOffering = true;
    try {
      await connection.setLocalDescription();
      if (connection === this.#connection) this.#send({ type: 'offer', sdp: connection.localDescription });
    } catch {
      if (connection === this.#connection) this.#fail();
    } finally {
      this.#isOffering = false;
    }
  }

  /** This browser does not do what it should. */
  #fail() {
    if (this.#isClosed) return;
    this.facts.isStuck = true;
    this.dispatchEvent(new Event('stuck'));
  }

  async #take({ type, sdp, candidate }) {
    if (type === 'iceCandidate') {
      await this.#takeCandidate(candidate);
      return;
    }
    this.facts.hasHeard = true;
    // Descriptions come as an object as browsers make it, or as its text.
    const description = { type, sdp: sdp?.sdp ?? sdp };
    const isClash = type === 'offer' && (this.#isOffering || this.#connection.signalingState !== 'stable');
    if (isClash && !this.#isPolite) return;
    // Two first offers: what was prepared for the own one has no place in the other. Nor has an old connection in a new one of theirs.
    if (type === 'offer' && (isClash ? !this.#connection.remoteDescription : this.#isOther(description))) this.#renew();
    const connection = this.#connection;
    await connection.setRemoteDescription(description);
    this.#adoptAll(connection);
    for (const early of this.#early.splice(0)) await this.#takeCandidate(early);
    if (type === 'offer') await this.#answer(connection);
  }

  async #answer(connection) {
    try {
      await connection.setLocalDescription();
      if (connection === this.#connection) this.#send({ type: 'answer', sdp: connection.localDescription });
    } catch {
      if (connection === this.#connection) this.#fail();
    }
  }

  /** Whether an offer comes from another connection than the one before: the other side has begun anew. */
  #isOther({ sdp }) {
    const known = this.#connection.remoteDescription;
    const session = typeof sdp === 'string' ? sessionOf(sdp) : undefined;
    return known !== null && session !== undefined && session !== sessionOf(known.sdp);
  }

  async #takeCandidate(candidate) {
    if (candidate?.candidate) this.facts.candidatesHeard += 1;
    // Null, and an empty one, say that there are no more. What belongs to an offer that was ignored fits nowhere.
    if (this.#connection.remoteDescription) await this.#connection.addIceCandidate(candidate ?? undefined).catch(() => {});
    else if (this.#early.length < EARLY_MAX) this.#early.push(candidate);
  }

  /** Takes what the other side offers, as far as it is one picture and one sound. */
  #adoptAll(connection) {
    for (const [kind, media] of Object.entries(KINDS)) {
      if (this.#senders[kind] && connection.getSenders().includes(this.#senders[kind])) continue;
      const found = connection.getTransceivers().find(({ receiver, mid }) => mid !== null && receiver.track.kind === media);
      if (!found) continue;
      found.direction = 'sendrecv';
      // Sound and picture of one stream are played at the same moment.
      found.sender.setStreams?.(this.stream);
      this.#adopt(kind, found.sender, found.receiver);
    }
  }

  #adopt(kind, sender, receiver) {
    this.#senders[kind] = sender;
    for (const track of this.stream.getTracks()) if (track.kind === receiver.track.kind) this.stream.removeTrack(track);
    this.stream.addTrack(receiver.track);
    this.setTrack(kind, this.#tracks[kind]);
  }
}

/** The number that a connection gives all its descriptions (RFC 9429 section 5.2.1). */
const sessionOf = (sdp) => /^o=\S+ (\d+)/m.exec(sdp)?.[1];
