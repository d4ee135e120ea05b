import { render } from "preact";
import { Api } from "./api";
import { App } from "./app";
import "./style.css";
import { splitToken } from "./urls";

const api = new Api(sessionStorage);

// The link that the server prints carries the token where no log sees it.
const { token, rest } = splitToken(location.hash);
if (token !== null) {
  api.token = token;
  history.replaceState(null, "", location.pathname + location.search + rest);
}

render(<App api={api} />, document.getElementById("app")!);
