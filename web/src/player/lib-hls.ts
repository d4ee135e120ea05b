// hls.js as a file of its own, for weir-player.js too: its light build has all
// but separate sound, subtitles and encryption, which weir does not send.
export { default } from "hls.js/light";
