import { render } from "preact";
import { Api } from "./api";
import { App } from "./app";
import { preferred, speak } from "./i18n/language";
import "./style.css";
import "./pages.css";
import { chosenTheme, showTheme } from "./theme";
import { splitToken } from "./urls";

const api = new Api(sessionStorage);

// The link that the server prints carries the token where no log sees it.
const { token, rest } = splitToken(location.hash);
if (token !== null) {
  api.token = token;
  history.replaceState(null, "", location.pathname + location.search + rest);
}

showTheme(chosenTheme(localStorage));
await speak(preferred(localStorage, navigator.languages));
render(<App api={api} />, document.getElementById("app")!);
