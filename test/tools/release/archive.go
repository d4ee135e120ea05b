package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"time"
)

// file is one in an archive.
type file struct {
	name, source string
	program      bool
}

func (f file) mode() os.FileMode {
	if f.program {
		return 0o755
	}
	return 0o644
}

// archive writes files, in their order and all of one moment, into BASE.zip or
// BASE.tar.gz.
func archive(base string, zipped bool, files []file, moment time.Time) (err error) {
	write, name := writeTar, base+".tar.gz"
	if zipped {
		write, name = writeZip, base+".zip"
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return write(out, files, moment)
}

func writeTar(out io.Writer, files []file, moment time.Time) error {
	compressed, err := gzip.NewWriterLevel(out, gzip.BestCompression) // its header has no time and no name
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, f := range files {
		content, err := os.ReadFile(f.source)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: f.name, Mode: int64(f.mode()), Size: int64(len(content)), ModTime: moment, Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(content); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}

func writeZip(out io.Writer, files []file, moment time.Time) error {
	archive := zip.NewWriter(out)
	for _, f := range files {
		content, err := os.ReadFile(f.source)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: moment}
		header.SetMode(f.mode())
		w, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	return archive.Close()
}
