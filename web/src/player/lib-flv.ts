// mpegts.js as a file of its own, for weir-player.js too.
export { default } from "mpegts.js";
