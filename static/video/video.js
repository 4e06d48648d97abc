// Video: the lobby, and the pictures beside the chat. Loaded when somebody asks for it.

import { session } from '../account/session.js';
import * as router from '../router.js';
import { Call } from './call.js';
import { Devices } from './devices.js';
import { Lobby } from './lobby.js';
import { Reminder } from './reminder.js';
import { Stage } from './stage.js';

/** Puts video together. `seek` looks for somebody in a mode. */
export function assemble({ client, chat, seek }) {
  const devices = new Devices();
  const lobby = new Lobby({
    client,
    devices,
    allows: () => !chat.isTalking,
    goOn: (mode) => (mode ? seek(mode) : router.go('/')),
    signIn,
  });
  const call = new Call({
    client,
    chat,
    devices,
    stage: new Stage(devices),
    fail: (error) => {
      chat.leave();
      // Also when the lobby has not been left yet.
      devices.release();
      lobby.explain(error);
      router.go('/video');
    },
  });
  new Reminder({ call, chat, devices });
  // Who has checked their hair once need not do so for each stranger.
  return { screen: lobby.screen, isReady: () => lobby.wasOpen };
}

/** To where one signs in, and back here; whoever goes elsewhere meanwhile stays there. */
function signIn() {
  const back = () => {
    if (session.isOpen && router.isAt('/account')) router.go('/video');
  };
  session.addEventListener('change', back);
  router.go('/account');
  const stop = router.follow(() => {
    if (router.isAt('/account')) return;
    session.removeEventListener('change', back);
    stop();
  });
}
