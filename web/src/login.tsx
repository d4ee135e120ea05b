import { useEffect, useRef, useState } from "preact/hooks";

/** Asks for the API token. */
export function Login({ refused, onToken }: { refused: boolean; onToken: (token: string) => void }) {
  const [token, setToken] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current!.focus(), [refused]);
  return (
    <form
      class="login panel"
      onSubmit={(e) => {
        e.preventDefault();
        if (token.trim()) onToken(token.trim());
      }}
    >
      <h2>This server asks for a token</h2>
      <p>
        <code>weir serve</code> prints a link with one when it starts.
      </p>
      <label>
        <span>Token</span>
        <input
          ref={field}
          type="password"
          autocomplete="current-password"
          value={token}
          onInput={(e) => setToken(e.currentTarget.value)}
          aria-invalid={refused}
        />
      </label>
      {refused && <p role="alert">The server did not accept that token.</p>}
      <button type="submit" class="primary">
        Continue
      </button>
    </form>
  );
}
