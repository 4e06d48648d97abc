// What keeps a page from camera and microphone, and what the person can do about it.

const TROUBLES = {
  insecure: {
    title: 'This page is not secure enough for a camera.',
    advice: 'Browsers give camera and microphone only to pages that were opened with https:// (or on this very machine, as localhost). Open the page that way, then try again.',
  },
  denied: {
    title: 'Camera and microphone are blocked.',
    advice: 'Allow them for this page: by the camera or lock sign beside the address, or in the settings of your system. Then try again.',
  },
  busy: {
    title: 'Camera or microphone is in use.',
    advice: 'Another program or tab holds it. Close that, then try again.',
  },
  none: {
    title: 'No camera or microphone was found.',
    advice: 'Plug one in or switch it on, then try again.',
  },
  account: {
    title: 'Video is for people with an account here.',
    advice: 'Sign in, and you come back here.',
  },
  unsupported: {
    title: 'This browser cannot make video calls.',
    advice: 'Try again with a current version of Firefox, Chrome, Edge or Safari.',
  },
  unknown: {
    title: 'Camera and microphone did not start.',
    advice: 'Try again; if it does not help, plug them in anew or restart the browser.',
  },
};

const BY_ERROR = {
  InsecureContextError: 'insecure',
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotReadableError: 'busy',
  AbortError: 'busy',
  NotFoundError: 'none',
  OverconstrainedError: 'none',
  NotSupportedError: 'unsupported',
  AccountRequiredError: 'account',
};

/** What to say about an error, of `getUserMedia` or of the server: { name, title, advice }. */
export function troubleOf(error) {
  const name = BY_ERROR[error?.name] ?? 'unknown';
  return { name, ...TROUBLES[name] };
}

/** Throws if this page or this browser cannot capture at all. */
export function checkSupport() {
  if (!window.isSecureContext) throw new DOMException('not a secure context', 'InsecureContextError');
  if (!navigator.mediaDevices?.getUserMedia || !window.RTCPeerConnection) throw new DOMException('no WebRTC', 'NotSupportedError');
}
