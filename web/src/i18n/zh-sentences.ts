// The player and the publisher speak English, also in pages of others. What they
// say is made of these sentences; {} stands for a part that changes. The longer
// of two that begin alike comes first.

const sentences: [english: string, chinese: string][] = [
  // Player
  ["Connecting…", "连接中…"],
  ["Waiting for the stream…", "等待流…"],
  ["Trying again…", "正在重试…"],
  ["Press play to begin.", "按播放键开始。"],
  ["Press play to go on.", "按播放键继续。"],
  ["Paused.", "已暂停。"],
  ["No media arrives.", "没有收到媒体。"],
  ["The player could not be loaded.", "无法加载播放器。"],
  ["The stream is not live.", "此流不在直播。"],
  ["The stream has ended.", "流已结束。"],
  ["The stream could not be decoded.", "无法解码此流。"],
  ["The server cannot send this stream in this form.", "服务器无法以此方式发送该流。"],
  ["The server cannot send this stream so: {}.", "服务器无法这样发送该流：{}。"],
  ["The server cannot send it so: {}.", "服务器无法这样发送：{}。"],
  ["You are not allowed to play this stream.", "您无权播放此流。"],
  ["The connection was closed.", "连接已关闭。"],
  ["The connection broke.", "连接中断。"],
  ["The server shuts down.", "服务器正在关闭。"],
  ["The server has as many viewers as it may have.", "服务器的观众数已达上限。"],
  ["The server has as many WebRTC sessions as it may have.", "服务器的 WebRTC 会话数已达上限。"],
  ["This connection is too slow for the stream.", "此连接对该流来说太慢。"],
  ["The server has ended this session.", "服务器已结束此会话。"],
  ["The server has ended the connection.", "服务器已结束连接。"],
  ["The server closes the connection: {}.", "服务器关闭了连接：{}。"],
  ["The server answers with HTTP {}.", "服务器答复 HTTP {}。"],
  ["The server answers: {}.", "服务器答复：{}。"],
  ["The server cannot be reached.", "无法连接服务器。"],
  ["The server does not offer it to this page.", "服务器不向此页面提供。"],
  ["The server does not offer it.", "服务器不提供此方式。"],
  ["The server sends no picture.", "服务器不发送画面。"],
  ["The server sends no sound.", "服务器不发送声音。"],
  ["The server sends no {} so: {}.", "服务器这样不发送 {}：{}。"],
  ["Something between here and the server refuses WebSockets.", "途中有设备拒绝 WebSocket。"],
  ["No connection came about: neither UDP nor TCP reaches the server's port for WebRTC (webrtc.listen, and webrtc.hosts behind NAT).", "未能建立连接：UDP 和 TCP 都无法到达服务器的 WebRTC 端口（webrtc.listen；在 NAT 之后还有 webrtc.hosts）。"],
  ["No connection came about: neither UDP nor TCP reaches the server's port for WebRTC.", "未能建立连接：UDP 和 TCP 都无法到达服务器的 WebRTC 端口。"],
  ["This browser cannot play the stream's codecs", "此浏览器无法播放该流的编码"],
  ["This browser can play no track of the stream.", "此浏览器无法播放该流的任何轨道。"],
  ["This browser cannot play what was recorded.", "此浏览器无法播放录制的内容。"],
  ["This browser cannot play {}.", "此浏览器无法播放 {}。"],
  ["This browser cannot use the server's answer: ", "此浏览器无法使用服务器的答复："],
  ["This browser has no {}.", "此浏览器没有 {}。"],
  ["Browsers cannot play {} from {}.", "浏览器无法播放来自 {2} 的 {1}。"],
  ["The browser does not keep up with the stream.", "浏览器跟不上该流。"],
  ["The browser has no room for more of the stream.", "浏览器没有空间容纳更多内容。"],
  ["B-frames are left out: set bframes=0 in the encoder.", "不含 B 帧：请在编码器中设置 bframes=0。"],
  ["B-frames are left out, which this stream may have.", "不含 B 帧，而此流可能有。"],
  ["some pictures are B-frames, which cannot be sent: set bframes=0", "部分画面是无法发送的 B 帧：请设置 bframes=0"],
  ["video track {} cannot be shown in order: other pictures refer to its B-frames: set bframes=0, or b-pyramid=none", "视频轨道 {} 无法按顺序显示：其他画面引用了它的 B 帧：请设置 bframes=0 或 b-pyramid=none"],
  ["B-frames: {} of {} frames per second sent; set bframes=0 in the encoder.", "B 帧：每秒 {2} 帧中发送 {1} 帧；请在编码器中设置 bframes=0。"],
  // Why a way is taken
  [", as you chose.", "，由您选择。"],
  [" is the way of least delay", " 延迟最低"],
  [" is of little delay and has every frame", " 延迟低且包含每一帧"],
  [" is of little delay and plain HTTP", " 延迟低且使用普通 HTTP"],
  [" is of little delay", " 延迟低"],
  [" is about a second behind, and passes every cache", " 延迟约一秒，可通过任何缓存"],
  [" is some seconds behind, and plays everywhere", " 延迟数秒，随处可播"],
  // Verdicts
  ["It is switched off (webrtc.listen).", "已关闭（webrtc.listen）。"],
  ["Not by WebRTC", "无法通过 WebRTC"],
  ["WebRTC with sound alone", "WebRTC 仅有声音"],
  ["WebRTC with sound", "WebRTC 含声音"],
  ["WebRTC without sound and B-frames", "WebRTC 不含声音和 B 帧"],
  ["WebRTC without sound", "WebRTC 不含声音"],
  ["WebRTC without B-frames", "WebRTC 不含 B 帧"],
  // Publisher
  ["Nothing gets through. Looking for another way…", "没有数据通过。正在寻找其他路径…"],
  ["The server ended the session: the stream was taken over or closed, or the server stops.", "服务器结束了会话：流已被接管或关闭，或服务器正在停止。"],
  ["The server does not take the picture: choose another codec.", "服务器不接受画面：请选择其他编码。"],
  ["The server does not take the sound.", "服务器不接受声音。"],
  ["This server has WebRTC switched off (webrtc.listen).", "此服务器已关闭 WebRTC（webrtc.listen）。"],
  ["The server does not allow you to publish this stream: give a user who may.", "服务器不允许您推送此流：请提供有权限的用户。"],
  ["Somebody else publishes this stream: choose another name.", "他人正在推送此流：请换一个名称。"],
  ["The server refuses: {}.", "服务器拒绝：{}。"],
  // Sources
  ["Browsers give the {} only to pages that come by HTTPS or from this machine. Open the console at https:// (http.tls_listen in the server's configuration) or as localhost; a test picture can be published from here.", "浏览器只允许通过 HTTPS 或来自本机的页面使用{}。请通过 https://（服务器配置中的 http.tls_listen）或 localhost 打开控制台；测试画面可以在此推送。"],
  ["The {} was not allowed. Allow it for this page, in the address bar or the system's settings, and start again.", "未获准使用{}。请在地址栏或系统设置中允许此页面使用，然后重新开始。"],
  ["There is no {}. Connect one, or publish without sound.", "没有{}。请连接设备，或不带声音推流。"],
  ["The {} cannot be used: another program may have it.", "无法使用{}：可能被其他程序占用。"],
  ["This browser cannot publish the {}.", "此浏览器无法推送{}。"],
  ["The {} cannot be used: ", "无法使用{}："],
  ["camera or microphone", "摄像头或麦克风"],
  ["test picture", "测试画面"],
  // Connections, in one line
  [" ms round trip", " 毫秒往返"],
  [" ms jitter", " 毫秒抖动"],
  [" by a relay", " 经中继"],
  // Tracks in sentences
  [" video and ", " 视频和 "],
  [" audio and ", " 音频和 "],
];

const phrases = sentences.map(([english, chinese]) => {
  const parts = english.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  let next = 0;
  return {
    pattern: new RegExp(parts.join("(.+?)"), "g"),
    by: chinese.replaceAll("$", "$$$$").replace(/\{(\d?)\}/g, (_, at: string) => `$${at || ++next}`),
  };
});

/** Says in Chinese what the player and the publisher say in English; other text stays as it is. */
export function sentence(english: string): string {
  const chinese = phrases.reduce((text, { pattern, by }) => text.replace(pattern, by), english);
  if (chinese === english) return english;
  return chinese.replace(/([。，：；…]) +/g, "$1").replace(/\.(?=$|[\u4e00-\u9fff])/g, "。").replace(/^(\d+) lost$/, "丢包 $1");
}
