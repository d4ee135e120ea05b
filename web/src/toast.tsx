import { createContext } from "preact";
import { useCallback, useContext, useRef, useState } from "preact/hooks";

const shownMs = 5000;

const Toasts = createContext<(text: string) => void>(() => undefined);

export const ToastProvider = Toasts.Provider;

/** Tells in passing that something was done. */
export function useToast(): (text: string) => void {
  return useContext(Toasts);
}

/** What was told last, for a while, and how to tell more. */
export function useToasts(): { text: string; tell: (text: string) => void } {
  const [text, setText] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const tell = useCallback((text: string) => {
    clearTimeout(timer.current);
    setText(text);
    timer.current = setTimeout(() => setText(""), shownMs);
  }, []);
  return { text, tell };
}
