package config

import (
	"errors"
	"os"
	"path/filepath"
)

// WriteFile writes text into the file at path, whole or not at all, also if the machine
// stops meanwhile; whoever reads it sees the old text or the new one. Nobody else may
// read it: it may hold secrets. It makes the folder.
func WriteFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error says enough
		return err
	}
	syncFolder(dir)
	return nil
}

// syncFolder makes the system write down a new name now. Some systems cannot, and do so
// in some seconds.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
