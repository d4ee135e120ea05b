module github.com/weirmedia/weir

go 1.26.0
