//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// browser is one page of headless Chromium, driven by the DevTools protocol
// over a pipe: JSON messages that end in a zero byte, commands on the browser's
// descriptor 3 and answers on 4 (--remote-debugging-pipe).
type browser struct {
	*process
	in      *os.File
	answers chan devtoolsMessage
	id      int
	session string
	// problems are the page's uncaught exceptions and console errors.
	problems []string
	// protocols counts the page's answers by protocol, such as h2, once Network is
	// enabled.
	protocols map[string]int
	// addresses are those that the page asked for, once Network is enabled.
	addresses []string
}

type devtoolsMessage struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// openPage starts Chromium with a profile of its own and opens url. args is more
// for its command line.
func openPage(t *testing.T, url string, args ...string) *browser {
	t.Helper()
	commandsOut, commandsIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answersOut, answersIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{in: commandsIn, answers: make(chan devtoolsMessage, 1000), protocols: map[string]int{}}
	args = append(args, "--headless=new", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "--no-sandbox", "--disable-gpu",
		"--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--window-size=1200,800", "about:blank")
	b.process = start(t, 3*time.Minute, func(c *exec.Cmd) { c.ExtraFiles = []*os.File{commandsOut, answersIn} }, "chromium", args...)
	commandsOut.Close()
	answersIn.Close()
	t.Cleanup(func() { commandsIn.Close() })
	go readDevtools(answersOut, b.answers)

	var created struct {
		TargetID string `json:"targetId"`
	}
	b.call(t, "Target.createTarget", map[string]any{"url": "about:blank"}, &created)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	b.call(t, "Target.attachToTarget", map[string]any{"targetId": created.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.call(t, "Runtime.enable", nil, nil)
	b.call(t, "Page.enable", nil, nil)
	b.call(t, "Page.navigate", map[string]any{"url": url}, nil)
	return b
}

func readDevtools(r *os.File, answers chan<- devtoolsMessage) {
	defer close(answers)
	defer r.Close()
	for in := bufio.NewReader(r); ; {
		line, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m devtoolsMessage
		if json.Unmarshal(line[:len(line)-1], &m) == nil {
			answers <- m
		}
	}
}

// call sends one command and decodes its result, unless result is nil.
func (b *browser) call(t *testing.T, method string, params map[string]any, result any) {
	t.Helper()
	b.id++
	command := map[string]any{"id": b.id, "method": method}
	if params != nil {
		command["params"] = params
	}
	if b.session != "" {
		command["sessionId"] = b.session
	}
	line, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.in.Write(append(line, 0)); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	limit := time.After(20 * time.Second)
	for {
		select {
		case m, ok := <-b.answers:
			switch {
			case !ok:
				t.Fatalf("%s: Chromium ended: %v", method, b.wait())
			case m.ID == b.id && m.Error != nil:
				t.Fatalf("%s: %s", method, m.Error.Message)
			case m.ID == b.id:
				if result != nil {
					if err := json.Unmarshal(m.Result, result); err != nil {
						t.Fatalf("%s: %v", method, err)
					}
				}
				return
			default:
				b.note(m)
			}
		case <-limit:
			t.Fatalf("%s: no answer", method)
		}
	}
}

// note keeps what the page complains about, and by what its answers came.
func (b *browser) note(m devtoolsMessage) {
	switch {
	case m.Method == "Network.responseReceived":
		var received struct{ Response struct{ Protocol string } }
		if json.Unmarshal(m.Params, &received) == nil {
			b.protocols[received.Response.Protocol]++
		}
		return
	case m.Method == "Network.requestWillBeSent":
		var sent struct{ Request struct{ URL string } }
		if json.Unmarshal(m.Params, &sent) == nil {
			b.addresses = append(b.addresses, sent.Request.URL)
		}
		return
	case m.Method == "Runtime.exceptionThrown":
	case m.Method == "Log.entryAdded" && strings.Contains(string(m.Params), `"level":"error"`):
	case m.Method == "Runtime.consoleAPICalled" && strings.Contains(string(m.Params), `"type":"error"`):
	default:
		return
	}
	b.problems = append(b.problems, tail(string(m.Params), 600))
}

// eval runs JavaScript in the page, awaits it if it is a promise, and decodes
// its value.
func (b *browser) eval(t *testing.T, script string, value any) {
	t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call(t, "Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &answer)
	if e := answer.ExceptionDetails; e != nil {
		t.Fatalf("%s\n%s %s", script, e.Text, e.Exception.Description)
	}
	if err := json.Unmarshal(answer.Result.Value, value); err != nil {
		t.Fatalf("%s\ngave %s: %v", script, answer.Result.Value, err)
	}
}

// eventually polls until a JavaScript expression is true.
func (b *browser) eventually(t *testing.T, limit time.Duration, what, condition string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() && len(b.problems) > 0 {
			t.Logf("the page complained:\n%s", strings.Join(b.problems, "\n"))
			b.problems = nil
		}
	})
	eventually(t, limit, what, func() (ok bool) {
		b.eval(t, "!!("+condition+")", &ok)
		return ok
	})
}

// click moves the mouse to the middle of an element and clicks.
func (b *browser) click(t *testing.T, selector string) {
	t.Helper()
	var at struct{ X, Y float64 }
	// Where it is once it has stood still for a while: what is learnt of a stream
	// moves the rest of the page.
	b.eval(t, fmt.Sprintf(`(async () => {
		let at, before;
		do {
			before = at;
			const e = document.querySelector(%q);
			e.scrollIntoView({block: "center"});
			const r = e.getBoundingClientRect();
			at = {x: r.x + r.width / 2, y: r.y + r.height / 2};
			await new Promise((done) => setTimeout(done, 300));
		} while (at.x !== before?.x || at.y !== before?.y);
		return at;
	})()`, selector), &at)
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		b.call(t, "Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}
