// One connection between two browsers. Either side may offer at any time, also both at once: then the polite one gives in.

/** How long a connection may be away before it is looked for anew. */
const AWAY_MS = 3_000;
const KINDS = { camera: 'video', microphone: 'audio' };

/**
 * Dispatches `connected`, `away` (it may come back), and `state` with what the other side tells of itself. `stream` is what
 * comes from there.
 */
export class Peer extends EventTarget {
  #connection;
  #config;
  #send;
  #isPolite;
  #isOffering = false;
  #isIgnoring = false;
  /** Candidates that came before the description they belong to. */
  #early = [];
  /** What was heard is dealt with one after the other. */
  #queue = Promise.resolve();
  #tracks = { camera: null, microphone: null };
  #senders = { camera: null, microphone: null };
  #channel = null;
  #told = null;
  #awayTimer = 0;
  #isClosed = false;
  stream = new MediaStream();
  /** What is known when it does not work. */
  facts = { hasHeard: false, candidatesHeard: 0, candidatesFound: 0, hasRoute: false, isRelayOnly: false };

  /** `send` passes a signal to the other side: { type, sdp } or { type, candidate }. */
  constructor({ isPolite, config, send }) {
    super();
    this.#isPolite = isPolite;
    this.#config = config;
    this.#send = send;
    this.facts.isRelayOnly = config.iceTransportPolicy === 'relay';
    this.#renew();
  }

  /** Makes an offer, to begin with. */
  offer() {
    for (const kind of Object.keys(KINDS)) {
      const { sender, receiver } = this.#connection.addTransceiver(KINDS[kind], { direction: 'sendrecv', streams: [this.stream] });
      this.#adopt(kind, sender, receiver);
    }
    this.#openChannel();
  }

  /** Deals with what the other side signals: { type, sdp } or { type, candidate }. */
  hear(signal) {
    this.#queue = this.#queue.then(() => (this.#isClosed ? undefined : this.#take(signal))).catch(() => {
      // The other side may send anything; what makes no sense changes nothing.
    });
    return this.#queue;
  }

  /** Sends this track from now on, or nothing. */
  setTrack(kind, track) {
    this.#tracks[kind] = track;
    const sender = this.#senders[kind];
    if (sender && sender.track !== track) void sender.replaceTrack(track).catch(() => {});
  }

  /** Tells the other side something of this one, now and whenever the connection is back. */
  tell(state) {
    this.#told = JSON.stringify(state);
    if (this.#channel?.readyState === 'open') this.#channel.send(this.#told);
  }

  /** Uses these servers when another way is looked for. */
  configure(config) {
    this.#config = config;
    this.#connection.setConfiguration(config);
  }

  /** Looks for another way, such as after a change of networks. */
  restart() {
    if (!this.#isClosed && this.#connection.remoteDescription) this.#connection.restartIce();
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
    this.#channel = null;
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
    try {
      this.#isOffering = true;
      await connection.setLocalDescription();
      if (connection === this.#connection) this.#send({ type: 'offer', sdp: connection.localDescription });
    } catch {
      // It was closed meanwhile.
    } finally {
      this.#isOffering = false;
    }
  }

  async #take({ type, sdp, candidate }) {
    if (type === 'iceCandidate') return this.#takeCandidate(candidate);
    // Descriptions come as an object as browsers make it, or as its text.
    const description = { type, sdp: sdp?.sdp ?? sdp };
    const isClash = type === 'offer' && (this.#isOffering || this.#connection.signalingState !== 'stable');
    this.#isIgnoring = isClash && !this.#isPolite;
    if (this.#isIgnoring) return undefined;
    // Two first offers: what was prepared for the own one has no place in the other.
    if (isClash && !this.#connection.remoteDescription) this.#renew();
    const connection = this.#connection;
    await connection.setRemoteDescription(description);
    this.facts.hasHeard = true;
    this.#adoptAll(connection);
    for (const early of this.#early.splice(0)) await this.#takeCandidate(early);
    if (type !== 'offer') return undefined;
    await connection.setLocalDescription();
    return this.#send({ type: 'answer', sdp: connection.localDescription });
  }

  async #takeCandidate(candidate) {
    if (candidate?.candidate) this.facts.candidatesHeard += 1;
    if (!this.#connection.remoteDescription) return void this.#early.push(candidate);
    // Null, and an empty one, say that there are no more. What belongs to an offer that was ignored fits nowhere.
    return this.#connection.addIceCandidate(candidate ?? undefined).catch(() => {});
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
    if (!this.#channel && /^m=application /m.test(connection.remoteDescription.sdp)) this.#openChannel();
  }

  #adopt(kind, sender, receiver) {
    this.#senders[kind] = sender;
    for (const track of this.stream.getTracks()) if (track.kind === receiver.track.kind) this.stream.removeTrack(track);
    this.stream.addTrack(receiver.track);
    // A program that is no page of ours may not tell of itself; what it sends speaks for it.
    receiver.track.addEventListener('unmute', () => this.dispatchEvent(new Event('media')));
    this.setTrack(kind, this.#tracks[kind]);
  }

  /** Both open the same one, so that neither has to wait for the other's. */
  #openChannel() {
    const channel = this.#connection.createDataChannel('state', { negotiated: true, id: 0 });
    this.#channel = channel;
    channel.onopen = () => this.#told && channel.send(this.#told);
    channel.onmessage = ({ data }) => {
      if (this.#isClosed || typeof data !== 'string' || data.length > 1_000) return;
      try {
        this.dispatchEvent(new CustomEvent('state', { detail: JSON.parse(data) }));
      } catch {
        // Not ours.
      }
    };
  }
}
