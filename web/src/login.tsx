import { useEffect, useRef, useState } from "preact/hooks";
import { w } from "./i18n/language";

interface LoginProps {
  /** What was given last was not accepted. */
  refused: boolean;
  onToken: (token: string) => void;
  onUser: (user: string, password: string) => void;
}

/** Asks for the API token, or a user and a password. */
export function Login({ refused, onToken, onUser }: LoginProps) {
  const [by, setBy] = useState<"token" | "user">("token");
  const [values, setValues] = useState({ token: "", user: "", password: "" });
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current!.querySelector<HTMLInputElement>(".field input")!.focus(), [refused, by]);
  const words = w().login;

  const submit = (e: Event) => {
    e.preventDefault();
    if (by === "user") onUser(values.user, values.password);
    else if (values.token.trim()) onToken(values.token.trim());
  };
  const field = (key: keyof typeof values, autocomplete: "username" | "current-password") => (
    <label class="field">
      <span>{words[key]}</span>
      <input
        name={key}
        required
        {...(key === "user" ? { type: "text" } : { type: "password" })}
        autocomplete={autocomplete}
        autocapitalize="none"
        spellcheck={false}
        value={values[key]}
        onInput={(e) => setValues({ ...values, [key]: e.currentTarget.value })}
        aria-invalid={refused}
      />
    </label>
  );

  return (
    <form ref={form} class="login panel" onSubmit={submit}>
      <h2>{words.title}</h2>
      <fieldset class="choice">
        {(["token", "user"] as const).map((way) => (
          <label key={way}>
            <input type="radio" name="by" checked={by === way} onChange={() => setBy(way)} />
            <span>{way === "token" ? words.byToken : words.byUser}</span>
          </label>
        ))}
      </fieldset>
      {by === "token" ? (
        <>
          <p>
            <code>weir serve</code> {words.hint}
          </p>
          {field("token", "current-password")}
        </>
      ) : (
        <>
          {field("user", "username")}
          {field("password", "current-password")}
          <p>{words.passwordKept}</p>
        </>
      )}
      {refused && <p role="alert">{by === "token" ? words.refusedToken : words.refusedUser}</p>}
      <button type="submit" class="primary">
        {words.proceed}
      </button>
    </form>
  );
}
