--- Verbs about one task: which one is meant, what is said to it, what holds it back.

local client = require('backburner.client')
local tell = require('backburner.tell')

local M = {}

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
function M.with_task(call, act)
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
function M.on_task(command, more)
  return function(call)
    M.with_task(call, function(task)
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
function M.speaking(command)
  return function(call)
    M.with_task(call, function(task)
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
function M.answer(call)
  M.with_task(call, function(task)
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
function M.key(call)
  local word = call.words[1]
  if word and not task_number(word) then
    require('backburner.keys').ask(word)
  else
    require('backburner.setup').setKey({ task = task_number(word) or task_here() })
  end
end

--- @param call backburner.Call
function M.allow(call)
  local word = call.words[1]
  if word and not task_number(word) then
    return client.command('allow', { agent = word })
  end
  M.with_task(call, function(task)
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
function M.raise(call)
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
    M.with_task(call, by_words)
  end
end

--- @param call backburner.Call
function M.after(call)
  local other = task_number(table.remove(call.words))
  M.with_task(call, function(task)
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

return M
