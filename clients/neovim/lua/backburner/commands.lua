--- `:Backburner {verb} [arguments]`: one command with completion and ranges. Each verb is a Lua function too.

local client = require('backburner.client')
local tell = require('backburner.tell')

local M = {}

--- @class (exact) backburner.Call
--- @field words string[] what stood after the verb
--- @field range [integer, integer]? one-based first and last line

--- The number in a word such as `12` or `#12`.
--- @param word string?
--- @return integer?
local function task_number(word)
  return word and tonumber((word:gsub('^#', ''))) --[[@as integer?]] or nil
end

--- The task at the cursor, else the one being read.
--- @return integer?
local function task_here()
  local here = require('backburner.review').here() or vim.b.backburner_task
  if here then
    return here
  end
  local row = vim.fn.line('.') - 1
  for _, lens in ipairs(require('backburner.marks').at(vim.api.nvim_get_current_buf(), row)) do
    local argument = (lens.arguments or {})[1]
    if argument and argument.task then
      return argument.task
    end
  end
  for _, problem in ipairs(vim.diagnostic.get(0, { lnum = row })) do
    local number = problem.source == 'backburner' and task_number(tostring(problem.code))
    if number then
      return number
    end
  end
  return require('backburner.review').current()
end

--- @param prompt string
--- @param act fun(task: integer)
--- @param but integer? that is not offered
local function choose_task(prompt, act, but)
  client.command('list', { uri = client.root_uri() }, function(answer)
    local rows = vim.tbl_filter(function(row)
      return row.task ~= but
    end, answer.rows)
    vim.ui.select(rows, {
      prompt = prompt,
      kind = 'backburner_task',
      format_item = function(row_)
        return row_.title .. '  ' .. row_.detail
      end,
    }, function(row_)
      if row_ then
        act(row_.task)
      end
    end)
  end)
end

--- The task that a verb is about: the one that was named, else the one here, else one of a list.
--- @param call backburner.Call
--- @param act fun(task: integer)
local function with_task(call, act)
  local task = task_number(call.words[1])
  if task then
    table.remove(call.words, 1)
  else
    task = task_here()
  end
  if task then
    act(task)
  else
    choose_task('Which task?', act)
  end
end

--- A verb whose command takes the task, and nothing but fixed arguments.
--- @param command string
--- @param more table?
--- @return fun(call: backburner.Call)
local function on_task(command, more)
  return function(call)
    with_task(call, function(task)
      client.command(command, vim.tbl_extend('force', { task = task }, more or {}))
    end)
  end
end

local TITLES = { reply = 'Reply to', steer = 'Tell', answer = 'Answer' }

--- Write a reply, note or answer for a task.
--- @param command 'reply'|'steer'|'answer'
--- @param task integer
function M.say(command, task)
  require('backburner.prompt').open(('%s #%d'):format(TITLES[command], task), function(text, done)
    client.write(command, { task = task, text = text }, done)
  end)
end

--- @param command 'reply'|'steer'|'answer'
--- @return fun(call: backburner.Call)
local function speaking(command)
  return function(call)
    with_task(call, function(task)
      local text = table.concat(call.words, ' ')
      if text ~= '' then
        client.command(command, { task = task, text = text })
      else
        M.say(command, task)
      end
    end)
  end
end

--- @param call backburner.Call
local function answer(call)
  with_task(call, function(task)
    if #call.words > 0 then
      return client.command('answer', { task = task, text = table.concat(call.words, ' ') })
    end
    client.command('show', { task = task }, function(view)
      local question = view.question
      if not question or #question.choices == 0 then
        return M.say('answer', task)
      end
      local choices = vim.list_extend({}, question.choices) --- @type {title: string, answer: string?}[]
      choices[#choices + 1] = { title = 'Other…' }
      vim.ui.select(choices, {
        prompt = question.sentence,
        kind = 'backburner_answer',
        format_item = function(choice)
          return choice.title
        end,
      }, function(choice)
        if choice and choice.answer then
          client.command('answer', { task = task, text = choice.answer })
        elseif choice then
          M.say('answer', task)
        end
      end)
    end)
  end)
end

--- @param call backburner.Call
local function key(call)
  local word = call.words[1]
  if word and not task_number(word) then
    require('backburner.keys').ask(word)
  else
    require('backburner.setup').setKey({ task = task_number(word) or task_here() })
  end
end

--- @param call backburner.Call
local function allow(call)
  local word = call.words[1]
  if word and not task_number(word) then
    return client.command('allow', { agent = word })
  end
  with_task(call, function(task)
    client.command('show', { task = task }, function(view)
      if view.held and view.held.reason == 'unconfirmed' then
        client.command('allow', { agent = view.held.agent, task = task })
      else
        tell.info(('#%d waits for no permission.'):format(task))
      end
    end)
  end)
end

--- @param call backburner.Call
local function raise(call)
  --- @param task integer 0: the day
  local function by_words(task)
    local word = call.words[1]
    local usd = word and tonumber((word:gsub('^%$', '')))
    if word and not usd then
      tell.warn(('%s is no amount. Write it as $0.50.'):format(word))
      return
    end
    client.command('raise', { task = task, usd = usd })
  end
  if call.words[1] == 'today' then
    table.remove(call.words, 1)
    by_words(0)
  else
    with_task(call, by_words)
  end
end

--- @param call backburner.Call
local function after(call)
  local other = task_number(table.remove(call.words))
  with_task(call, function(task)
    local function wait_for(first)
      client.command('after', { task = task, after = first })
    end
    if other then
      wait_for(other)
    else
      choose_task('Which one first?', wait_for, task)
    end
  end)
end

--- @param call backburner.Call
local function place_of(call)
  local delegate = require('backburner.delegate')
  if call.range then
    return delegate.place(call.range[1] - 1, call.range[2] - 1)
  end
  return delegate.here()
end

--- Run a lens, code action or row of the server. What needs words asks for them; what shows something is shown by us.
--- @param action {command: string, arguments: table?}
function M.act(action)
  local name = action.command:gsub('^backburner%.', '')
  local given = action.arguments or {}
  -- A list in lenses and code actions, the object itself in the answer of `actions`.
  local argument = given[1] or given --- @type table
  local review = require('backburner.review')
  if name == 'delegate' and not argument.instruction and not argument.recipe then
    if #argument.targets == 1 then
      require('backburner.delegate').ask(argument.targets[1])
    else
      require('backburner.delegate').ask_for(argument.targets, argument.prompt)
    end
  elseif (name == 'reply' or name == 'steer' or name == 'answer') and not argument.text then
    M.say(name, argument.task)
  elseif name == 'read' then
    review.read(argument.task)
  elseif name == 'draft' then
    require('backburner.documents').open(argument.task, true)
  elseif name == 'ui.review' then
    review.diff(argument.task)
  elseif name == 'next' then
    review.next_result(argument.task)
  elseif name == 'show' then
    require('backburner.queue').open()
  elseif require('backburner.setup')[name] then
    require('backburner.setup')[name](argument)
  else
    client.command(name, next(argument) and argument or vim.empty_dict(), function()
      review.refresh()
      require('backburner.marks').refresh_all()
    end)
  end
end

--- @param found {title: string, command: string, arguments: table}[]
local function choose_action(found)
  vim.ui.select(found, {
    prompt = 'Backburner here:',
    kind = 'backburner_action',
    format_item = function(action)
      return action.title
    end,
  }, function(action)
    if action then
      M.act(action)
    end
  end)
end

--- Everything that can be done at the cursor, with the problems of other servers; in the queue, with the row.
--- @param call backburner.Call
local function actions(call)
  local row = require('backburner.queue').row()
  if row then
    return choose_action(row.actions)
  end
  client.command('actions', { place = require('backburner.delegate').with_alike(place_of(call)) }, function(found)
    choose_action(found.actions)
  end)
end

--- @type table<string, fun(call: backburner.Call)>
M.verbs = {
  delegate = function(call)
    local place = place_of(call)
    local instruction = table.concat(call.words, ' ')
    if instruction ~= '' then
      require('backburner.delegate').start(instruction, { place })
    else
      require('backburner.delegate').ask(place)
    end
  end,
  recent = function(call)
    require('backburner.delegate').ask_recent(place_of(call))
  end,
  again = function(call)
    client.command('again', { place = place_of(call) })
  end,
  actions = actions,
  queue = function()
    require('backburner.queue').open()
  end,
  qf = function()
    require('backburner.queue').quickfix()
  end,
  next = function()
    require('backburner.review').next_result()
  end,
  read = function(call)
    with_task(call, require('backburner.review').read)
  end,
  review = function(call)
    with_task(call, require('backburner.review').diff)
  end,
  draft = function(call)
    with_task(call, function(task)
      require('backburner.documents').open(task, true)
    end)
  end,
  diff = function(call)
    with_task(call, function(task)
      require('backburner.documents').open(task, false)
    end)
  end,
  accept = function(call)
    with_task(call, require('backburner.review').accept)
  end,
  reject = function(call)
    with_task(call, require('backburner.review').reject)
  end,
  rest = on_task('acceptRest'),
  dismiss = on_task('dismiss'),
  undo = on_task('undo'),
  reply = speaking('reply'),
  steer = speaking('steer'),
  answer = answer,
  retry = on_task('retry'),
  refit = on_task('refit'),
  continue = on_task('continue'),
  stop = on_task('stop'),
  keep = on_task('stop', { keep = true }),
  start = on_task('startAnyway'),
  after = after,
  raise = raise,
  key = key,
  ollama = function()
    client.command('useOllama', vim.empty_dict())
  end,
  allow = allow,
  practise = function()
    require('backburner.setup').practise()
  end,
  doctor = function()
    require('backburner.setup').doctor()
  end,
  trust = function(call)
    local file = call.words[1]
    require('backburner.setup').trust({ path = file and vim.fn.fnamemodify(file, ':p') })
  end,
  today = function()
    require('backburner.setup').today()
  end,
  restart = function()
    client.restart()
  end,
}

--- One line about each verb, for the help.
M.help = {
  delegate = 'delegate the range or the symbol at the cursor',
  recent = 'delegate with one of your last instructions',
  again = 'delegate with the last instruction',
  actions = 'everything that can be done here',
  queue = 'the queue, in a window',
  qf = 'open hunks of all results in the quickfix list',
  next = 'read what is best read next',
  read = 'read a result in the code; a report in a window',
  review = "side by side in a tab, with Neovim's own diff",
  draft = 'what a running task has changed so far',
  diff = 'a result as a unified diff',
  accept = 'take the hunk at the cursor, on none: all that is open',
  reject = 'the same, turned down',
  rest = 'accept the rest of a group like those you read',
  dismiss = 'put away findings, a report, a failure',
  undo = 'take verdicts back',
  reply = 'say something to a finished task',
  steer = 'tell a running task something',
  answer = 'answer the question of a task',
  retry = 'run again',
  refit = 'let the agent fit its result to the text as it is',
  continue = 'go on after a step',
  stop = 'stop a task',
  keep = 'stop a task and keep what it has',
  start = 'start a task that waits',
  after = 'let a task wait: `after [#task] #other`',
  raise = 'its limit, or `raise today`; `$2` behind says to what, else twice',
  key = 'hand over an API key, of the agent here or the variable named',
  ollama = 'look whether Ollama answers, for tasks without an agent',
  allow = 'let the agent here (or the one named) run as a program',
  practise = 'a sample to practise on, without a key',
  doctor = 'what works here and what to do next',
  trust = "read what a project's settings want, then approve it",
  today = 'what the day came to',
  restart = 'start the server again',
}

--- @param name string
--- @param words string[]?
function M.verb(name, words)
  M.verbs[name]({ words = words or {} })
end

--- @param opts vim.api.keyset.create_user_command.command_args
function M.run(opts)
  local words = vim.deepcopy(opts.fargs)
  local name = table.remove(words, 1) or 'queue'
  local verb = M.verbs[name]
  if not verb then
    tell.warn(('there is no %q; :Backburner <Tab> lists what there is'):format(name))
    return
  end
  verb({ words = words, range = opts.range > 0 and { opts.line1, opts.line2 } or nil })
end

--- @param lead string
--- @param line string
--- @return string[]
function M.complete(lead, line)
  local words = vim.split(line, '%s+')
  -- A range or modifiers may stand before the command itself.
  while words[1] and not words[1]:match('Backburner') do
    table.remove(words, 1)
  end
  if #words > 2 then
    return words[2] == 'trust' and #words == 3 and vim.fn.getcompletion(lead, 'file') or {}
  end
  local names = vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, vim.tbl_keys(M.verbs))
  table.sort(names)
  return names
end

return M
