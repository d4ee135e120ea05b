import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading, Trouble } from "./status";

/** A component whose code is fetched when it is first shown. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [Part, setPart] = useState(() => loaded);
    const [error, setError] = useState<Error>();
    useEffect(() => {
      if (Part) return;
      load().then((part) => {
        loaded = part;
        setPart(() => part);
      }, setError);
    }, []);
    if (error) return <Trouble error={error} />;
    return Part ? <Part {...props} /> : <Loading />;
  };
}
