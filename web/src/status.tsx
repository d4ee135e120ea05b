import { ApiError } from "./api";
import { w } from "./i18n/language";

/** Why there is no answer, in words. */
export function troubleText(error: Error): string {
  const { trouble } = w();
  if (!(error instanceof ApiError)) return trouble.unreachable;
  if (error.status === 403) return trouble.forbidden;
  if (error.status === 404) return trouble.missing;
  return trouble.answers(error.message.replace(/\.$/, ""));
}

/** That the newest try failed, and that there will be another. */
export function Trouble({ error }: { error: Error }) {
  return (
    <p class="banner" role="alert">
      <span aria-hidden="true">⚠</span> {troubleText(error)} {w().trouble.retrying}
    </p>
  );
}

/** In place of what is not there yet. */
export function Loading() {
  return (
    <p class="loading" role="status">
      {w().page.loading}
    </p>
  );
}
