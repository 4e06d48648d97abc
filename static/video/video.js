// Video: the lobby, and the pictures beside the chat. Loaded when somebody asks for it.

import * as router from '../router.js';
import { Call } from './call.js';
import { Devices } from './devices.js';
import { Lobby } from './lobby.js';
import { Stage } from './stage.js';

/** Puts video together. `seek` looks for somebody in a mode; `isVideo` says whether video is looked for now. */
export function assemble({ client, chat, seek, isVideo }) {
  const devices = new Devices();
  const lobby = new Lobby(devices, {
    allows: () => !chat.isTalking,
    goOn: (mode) => (mode ? seek(mode) : router.go('/')),
  });
  const call = new Call({
    client,
    chat,
    devices,
    stage: new Stage(devices),
    isVideo,
    fail: (error) => {
      chat.leave();
      lobby.explain(error);
      router.go('/video');
    },
  });
  return { call, screen: lobby.screen, isReady: () => devices.isOpen };
}
