;; One journey in a batch Emacs with Eglot or lsp-mode, as `docs/editors/emacs.md` configures them. Every step is taken from
;; the client's own menu of code actions. Prints what it saw; the test judges. BACKBURNER_CLIENT names the client.
(require (quote cl-lib))
(require (quote json))
(setq create-lockfiles nil make-backup-files nil)
(defvar lsp-mode-p (equal (getenv "BACKBURNER_CLIENT") "lsp-mode"))

(load (expand-file-name "packages.el" (file-name-directory load-file-name)) nil t)

(defvar said nil "What the client told the person, latest first.")
(advice-add 'message :before (lambda (&rest words) (when (car words) (push (apply #'format-message words) said))))
(defvar pick nil "The action to choose from the menu.")
(defvar offered nil)
(setq last-nonmenu-event ?x) ; No mouse: the menu is read from the keyboard.
(setq completing-read-function
      (lambda (_prompt choices &rest _)
        (setq offered (all-completions "" choices))
        (or (cl-find pick offered :test #'string-prefix-p) (error "Not offered: %s" pick))))

(load (getenv "BACKBURNER_PAGE"))

(defun flush ()
  "Let the server speak. Eglot sends changes when Emacs has been idle; a batch Emacs never is."
  (accept-process-output nil 0.05)
  (when (and (not lsp-mode-p) (eglot-current-server)) (eglot--signal-textDocument/didChange)))

(defun until (what fact)
  "Wait until FACT gives something, and give that; fail with WHAT after 40 seconds."
  (let ((end (+ (float-time) 40)) found)
    (while (not (setq found (funcall fact)))
      (when (> (float-time) end)
        (error "Not within 40 s: %s; problems %S, offered %S, said %S" what (problems) offered said))
      (flush))
    found))

(defun problems ()
  (if lsp-mode-p
      (mapcar (lambda (it) (gethash "message" it))
              (append (gethash (lsp--fix-path-casing buffer-file-name) (lsp-diagnostics)) nil))
    (flymake-start)
    (mapcar #'flymake-diagnostic-text (flymake-diagnostics))))

(defun until-problem (words)
  (until words (lambda () (cl-find-if (lambda (text) (string-match-p (regexp-quote words) text)) (problems)))))

(defun act (title)
  "Choose TITLE from the menu at the cursor, as soon as it is offered."
  (until title
         (lambda ()
           (setq pick title offered nil)
           (flush)
           (condition-case problem
               (progn (call-interactively (if lsp-mode-p #'lsp-execute-code-action #'eglot-code-actions)) t)
             (error (if (string-match-p "Not offered\\|No code actions\\|no-action\\|does not support" (format "%S" problem)) nil
                      (signal (car problem) (cdr problem))))))))

(defun shown (suffix)
  "The document that ends with SUFFIX: opened by the server, or at the path that it told. Becomes the current buffer."
  (let ((wanted (concat "\\(/[^ \n]+" (regexp-quote suffix) "\\)")))
    (let ((path (until suffix
                       (lambda ()
                         (or (cl-some (lambda (buffer)
                                        (let ((name (buffer-file-name buffer)))
                                          (and name (string-match-p (concat wanted "\\'") name) name)))
                                      (buffer-list))
                             (cl-some (lambda (text) (and (string-match wanted text) (match-string 1 text))) said))))))
      ;; The person's answer when it asks for the project.
      (when lsp-mode-p (lsp-workspace-folders-add (file-name-directory path)))
      (find-file path))
    (run-hooks 'post-command-hook)
    (buffer-substring-no-properties (point-min) (point-max))))

(defun write-letter (suffix words)
  "Write WORDS into a letter and save it twice: only the first counts."
  (shown suffix)
  (goto-char (point-max))
  (insert words)
  (save-buffer)
  (set-buffer-modified-p t)
  (save-buffer)
  (back))

(defun back ()
  (switch-to-buffer "lexer.py")
  (goto-char (point-min))
  (search-forward "parse"))

(defun look (what) (princ (format "%s %s\n" what (json-encode (buffer-substring-no-properties (point-min) (point-max))))))

(when lsp-mode-p
  (setq lsp-diagnostics-provider :flymake lsp-session-file (make-temp-file "lsp"))
  (lsp-workspace-folders-add default-directory))
(switch-to-buffer (find-file-noselect "lexer.py"))
(run-hooks 'post-command-hook)
(until "a connection" (lambda () (if lsp-mode-p (lsp-workspaces) (eglot-current-server))))
(goto-char (point-min))
(insert "# not saved\n")
(back)

(act "Delegate: implement parse()")
(until-problem "Ready: Return two.")
(act "#1 Read")
(shown "/1.diff")
(back)
(act "#1 Accept all")
(until "the change" (lambda () (string-match-p "return 2" (buffer-string))))
(look "ACCEPTED")
(until "no problem is left" (lambda () (null (problems))))

(act "Delegate: write instruction")
(write-letter "/instruction-1.md" "rename very slowly")
(act "#2 Draft")
(princ (if (string-match-p "^\\+    one()" (shown "/2-draft.diff")) "DRAFT\n" "no draft\n"))
(back)
(act "#2 Tell it")
(write-letter "/steer-2-1.md" "the last too")
(until-problem "Ready: Rename the last call.")
(act "#2 Read")
(princ (if (string-match-p "^\\+    two()" (shown "/2.diff")) "STEERED\n" "not steered\n"))
(back)
(act "#2 Reject all")
(until "no problem is left" (lambda () (null (problems))))
(look "REJECTED")

(act "Delegate: write instruction")
(write-letter "/instruction-2.md" "rename if you may")
(until-problem "Question: keep last()?")
(act "#3 Answer: keep")
(until-problem "Ready")
(act "#3 Read")
(princ (if (string-match-p "It stays as it is" (shown "/3.md")) "ANSWERED\n" "not answered\n"))
(back)
(act "#3 Reply")
(write-letter "/reply-3-1.md" "The last too")
(until-problem "Ready: Rename the last call.")
(act "#3 Read")
(shown "/3.diff")
(goto-char (point-min))
(search-forward "+    two()")
(act "#3 Accept this hunk")
(back)
(until "the hunk" (lambda () (string-match-p "two()" (buffer-string))))
(look "HUNK")
(princ "DONE\n")
