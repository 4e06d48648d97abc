// The small page: one socket, one conversation at a time.
const find = (id) => document.getElementById(id);
const [state, log, compose, text, send, next, stop] = ['state', 'log', 'compose', 'text', 'send', 'next', 'stop'].map(find);

const address = new URL('/ws', location.href);
address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
let socket;

function show(words, { talking = false, searching = false } = {}) {
  state.textContent = words;
  text.disabled = send.disabled = !talking;
  stop.disabled = !talking && !searching;
  next.textContent = talking ? 'Next' : 'Start';
  if (talking) text.focus();
}

function add(who, name, words) {
  const line = document.createElement('li');
  line.className = who;
  line.dataset.who = name;
  line.append(words);
  log.append(line);
  line.scrollIntoView({ block: 'end' });
}

const heard = {
  searching: () => show('Searching for a stranger…', { searching: true }),
  strangerJoined: () => {
    log.replaceChildren();
    show('You are talking to a stranger.', { talking: true });
  },
  strangerLeft: () => show('The stranger has left.'),
  message: ({ text: words }) => add('stranger', 'Stranger', words),
  error: ({ message }) => { state.textContent = message; },
};

function connect(then) {
  socket = new WebSocket(address);
  socket.onopen = then;
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    heard[event.type]?.(event);
  };
  socket.onclose = () => show('The connection is gone. Press start to try again.');
}

function say(command) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command));
  else connect(() => socket.send(JSON.stringify(command)));
}

next.onclick = () => say({ type: 'nextStranger' });
stop.onclick = () => {
  say({ type: 'stopChat' });
  show('You have left.');
};
compose.onsubmit = (event) => {
  event.preventDefault();
  if (!text.value) return;
  say({ type: 'sendMessage', text: text.value });
  add('you', 'You', text.value);
  text.value = '';
};
