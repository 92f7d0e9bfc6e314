;; -Q leaves Debian's packages out. Only what is not there already: Emacs 30 brings newer ones of its own.
(dolist (folder (file-expand-wildcards "/usr/share/emacs/site-lisp/elpa/*"))
  (unless (and (>= emacs-major-version 29) (string-match-p "/\\(eglot\\|project\\|xref\\|seq\\)-" folder))
    (add-to-list 'load-path folder)
    (dolist (file (file-expand-wildcards (concat folder "/*-autoloads.el")))
      (load file nil t))))
