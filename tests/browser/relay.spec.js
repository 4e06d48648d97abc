// Calls between two browsers through a real TURN server, with the credentials and the privacy of the server; the signalling is
// written out here, so that the server is tested and not the page.

import { serve, test as base, expect } from './people.js';
import { startTurn } from './turn.js';

const test = base.extend({
  // A server with a relay of its own, for each worker.
  relayed: [async ({}, use) => {
    const turn = await startTurn();
    const server = await serve({ 'ice-servers': turn.urls, 'turn-secret': turn.secret, 'video-relay-only': true });
    await use({ url: server.url, turn });
    await server.stop();
    await turn.stop();
  }, { scope: 'worker' }],
  // Pages may use the camera, which is a pattern; with that, browsers give their real addresses.
  launchOptions: [async ({ launchOptions }, use) => {
    const args = [...launchOptions.args, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
    await use({ ...launchOptions, args });
  }, { scope: 'worker' }],
});

// A call is a matter of a dozen processes.
test.setTimeout(60_000);
const PATIENCE = { timeout: 20_000 };

/** Calls whomever it meets; `policy` instead of the server's, for a page that does not do as it is told. */
async function call({ policy }) {
  const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws?auto=0&format=json`);
  const opened = new Promise((resolve) => { socket.onopen = resolve; });
  const heard = [];
  window.caller = { heard, gathered: [], seen: false };
  const send = (message) => socket.send(JSON.stringify(message));
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  let peer;
  let queue = Promise.resolve();
  const join = async ({ iceKey, initiator }) => {
    const answer = await fetch('/api/ice', { headers: { Authorization: `Bearer ${iceKey}` } });
    const { iceServers, iceTransportPolicy } = await answer.json();
    peer = new RTCPeerConnection({ iceServers, iceTransportPolicy: policy ?? iceTransportPolicy });
    window.caller.peer = peer;
    for (const track of media.getTracks()) peer.addTrack(track, media);
    peer.ontrack = ({ streams: [stream] }) => {
      const video = document.createElement('video');
      video.muted = true;
      video.srcObject = stream;
      video.onresize = () => { window.caller.seen = video.videoWidth > 0; };
      document.body.append(video);
      video.play();
    };
    peer.onicecandidate = ({ candidate }) => {
      if (candidate) window.caller.gathered.push(candidate.candidate);
      send({ type: 'iceCandidate', candidate });
    };
    if (initiator) {
      await peer.setLocalDescription();
      send({ type: 'offer', sdp: peer.localDescription });
    }
  };
  const take = async (message) => {
    if (message.type === 'strangerJoined') await join(message);
    if (message.type === 'iceCandidate' && message.candidate) await peer.addIceCandidate(message.candidate);
    if (message.type === 'answer') await peer.setRemoteDescription(message.sdp);
    if (message.type === 'offer') {
      await peer.setRemoteDescription(message.sdp);
      await peer.setLocalDescription();
      send({ type: 'answer', sdp: peer.localDescription });
    }
  };
  socket.onmessage = ({ data }) => {
    heard.push(data);
    queue = queue.then(() => take(JSON.parse(data)));
  };
  await opened;
  send({ type: 'findMatch', mode: 'video' });
}

async function callers(browser, url, options) {
  const context = await browser.newContext();
  const pages = await Promise.all([context.newPage(), context.newPage()]);
  for (const page of pages) {
    await page.goto(url);
    await page.evaluate(call, options);
  }
  return { context, pages };
}

const state = (page) => page.evaluate(() => window.caller.peer?.connectionState);
const heard = (page) => page.evaluate(() => window.caller.heard);
const kinds = (lines) => [...new Set(lines.join('\n').match(/typ \w+/g) ?? [])].sort();

test('a video call goes through the relay, and no address is told', async ({ browser, relayed }) => {
  const { context, pages } = await callers(browser, relayed.url, {});
  for (const page of pages) {
    await expect.poll(() => state(page), PATIENCE).toBe('connected');
    await expect.poll(() => page.evaluate(() => window.caller.seen), PATIENCE).toBe(true);
    expect((await heard(page)).filter((text) => text.includes('"error"'))).toEqual([]);
    expect(kinds(await heard(page))).toEqual(['typ relay']);
  }
  await context.close();
});

test('a page that gathers everything still tells nothing', async ({ browser, relayed }) => {
  const { context, pages } = await callers(browser, relayed.url, { policy: 'all' });
  for (const page of pages) {
    await expect.poll(() => state(page), PATIENCE).toBe('connected');
    await expect.poll(() => page.evaluate(() => window.caller.peer.iceGatheringState), PATIENCE).toBe('complete');
  }
  const [one, other] = await Promise.all(pages.map((page) => page.evaluate(() => window.caller.gathered)));
  // There was something to hide.
  const hidden = [...one, ...other].filter((line) => !line.includes('typ relay')).map((line) => line.split(' ').slice(4, 6));
  expect(hidden.length).toBeGreaterThan(0);
  for (const page of pages) {
    const texts = await heard(page);
    expect(kinds(texts)).toEqual(['typ relay']);
    for (const [address, port] of hidden) {
      expect(texts.join('\n')).not.toContain(`${address} ${port}`);
      // The relay of the test is on the loopback, too.
      if (address !== '127.0.0.1') expect(texts.join('\n')).not.toContain(address);
    }
  }
  await context.close();
});
