--- Writes the help from the tables of `config.lua` and `commands.lua`: `nvim --clean -l help.lua FILE`, `-` for the screen.

local here = vim.fn.fnamemodify(arg[0], ':p:h:h')
vim.opt.runtimepath:prepend(here)

local config = require('backburner.config')
local commands = require('backburner.commands')
local lines = {} --- @type string[]

--- @param text string
local function add(text)
  vim.list_extend(lines, vim.split(text, '\n'))
end

--- @param title string
--- @param tag string
local function section(title, tag)
  tag = '*' .. tag .. '*'
  add(('='):rep(78))
  add(title .. (' '):rep(78 - #title - #tag) .. tag)
  add('')
end

add([[
*backburner.txt*  Delegate code to slow models, judge the results in the code

Neovim 0.10 or newer. With 0.11: >lua

    vim.lsp.enable('backburner')
<
With 0.10, or to set options: >lua

    require('backburner').setup({})
<
No keys are mapped. The `:Backburner` command has everything.
]])
section('COMMAND', ':Backburner')
add([[
:[range]Backburner {verb} [#task] [words]

A verb about a task takes the one that is named, else the one at the cursor,
else the one that is being read, else it asks. The hunk at the cursor is found
in the code while its result is read, on both sides of the diff, in a diff
document, and on the line to which the quickfix list led.
]])
local verbs = vim.tbl_keys(commands.verbs)
table.sort(verbs)
for _, verb in ipairs(verbs) do
  add(('%-12s %s'):format(verb, commands.help[verb]))
end
add('')
section('MANY PLACES AT ONCE', 'backburner-each')
add([[
Fill a list with what should be delegated, then delegate it as one group: >vim

    :silent grep! parse_old
    :Backburner each call parse() instead
<
Any list will do: of |:vimgrep|, |:Cfilter|, |vim.diagnostic.setqflist()|, |:make|,
of references. Entries in one function are one task, each problem is one.
`each!` takes the location list, and so does `each` in its window. In the window
of a list, `:'<,'>Backburner each` takes the entries selected there. Left out are
entries without a file, and the marks of Backburner itself.
]])
section('KEYS OF PROVIDERS', 'backburner-keys')
add([[
`:Backburner key` asks whose key, then for the key, which is not shown. A task
names its agent, `:Backburner key GROQ_API_KEY` a variable. The key is kept in
memory only and handed to the server in the environment of its process, which
is started again with it; it is in no file, argument, log or message, and the
next Neovim does not have it.
]])
section('MAPS', 'backburner-maps')
add([[
<Plug>(backburner-delegate)      an operator: delegates {motion}; `.` repeats it
                                 with the same words. In Visual mode too.
                                 Left without words, `.` asks again.
<Plug>(backburner-{verb}-here)   delegate, again, queue, next, read, accept,
                                 reject, reply, review

While a result is read, `]h` and `[h` go to its next and previous hunk in the
buffers that it changes, unless you mapped them there. Replies, notes and
answers are written in a small buffer: `:w` or <C-s> sends, `q` leaves; what was
not sent is there again the next time.
]])
section('OPTIONS', 'backburner-options')
for _, name in ipairs(config.order) do
  local option = config.schema[name]
  add(('%s  (%s, default %s)'):format(name, option.type, vim.inspect(option.default):gsub('%s+', ' ')))
  add('    ' .. option.doc)
  add('')
end
section('STATUS', 'backburner-status')
add([[
require('backburner').status()       what is pending, as a table
require('backburner').statusline()   `bb 3 +2 ?1`: running, to read, questions;
                                     empty when nothing is pending
g:backburner_status                  the same string
g:backburner_status_dict             the same table
b:backburner_tasks                   numbers of the tasks that stand in a file

With several projects open, all of these are about the one you are in.

Events: User BackburnerStatus, BackburnerReady, BackburnerAsks,
BackburnerFailed; `data` says how many.
]])
add('vim:tw=78:ft=help:norl:')

local text = table.concat(lines, '\n') .. '\n'
if arg[1] == '-' then
  io.write(text)
else
  local file = assert(io.open(arg[1], 'w'))
  file:write(text)
  file:close()
end
