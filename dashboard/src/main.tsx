import { render } from "preact";
import { keepSession } from "./api/renewal";
import { App } from "./app";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/forms.css";
import "./theme";

keepSession();
const root = document.getElementById("app");
if (root) render(<App />, root);
