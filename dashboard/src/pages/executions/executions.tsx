/** The live list of a pod's executions. What is shown is chosen by the address; what happens is told by the pod's stream. */
import { Box, Button } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Play, SearchX } from "lucide-react";
import { useEffect, useMemo, useRef } from "react";

import { isRefusal } from "../../api/client";
import { usePlace } from "../../app/place";
import { useExecutionList } from "../../live/use_executions";
import { Empty, Loading, Page } from "../../ui/page";
import { fieldErrorsOf, Problem } from "../../ui/problem";
import { BulkBar } from "./bulk";
import { useCounts } from "./counts";
import { isFiltered, queryOf, useFilter, writeFilter } from "./filter";
import { FilterBar } from "./filter_bar";
import { JobProgress, useJobs } from "./jobs";
import { List } from "./list";
import classes from "./page.module.css";
import { RunButton } from "./run_button";
import { useSelection } from "./selection";
import { StatusChips } from "./status_chips";
import { useWorkflowNames } from "./workflow_names";

export default function Executions() {
  const place = usePlace();
  // The page stays while the pod changes; nothing that is held for one is the other's.
  return <OfPod key={place.podId} />;
}

function OfPod() {
  const place = usePlace();
  const [filter, change, clear] = useFilter();
  const [counts, touchCounts] = useCounts(filter);
  const [view, list] = useExecutionList(useMemo(() => queryOf(filter), [filter]), touchCounts);
  const names = useWorkflowNames();
  const selection = useSelection(writeFilter(filter));
  const [jobs, addJob, closeJob] = useJobs();
  const isNarrow = useMediaQuery("(max-width: 61.99em)", false, { getInitialValueInEffect: false });
  const input = useFocusKey();

  const { rows, error } = view;
  const isFilterWrong = isRefusal(error) && error.statusCode === 400;
  const isAtField = isFilterWrong && fieldErrorsOf(error).some(({ path }) => path === "filter") && !!filter.filter;
  const runButton = <RunButton workflows={names.workflows} chosenId={filter.workflowId} />;
  const clearButton = (
    <Button size="xs" variant="default" mt="xs" onClick={clear}>
      Clear the filter
    </Button>
  );
  return (
    <div className={classes["page"]}>
      <Page title="Executions" actions={runButton}>
        <StatusChips filter={filter} counts={counts} onChange={change} />
        <FilterBar filter={filter} onChange={change} onClear={clear} names={names} isNarrow={isNarrow} error={error} inputRef={input} />
        {jobs.map((job) => (
          <JobProgress key={job.id} job={job} onClose={() => closeJob(job.id)} />
        ))}
        {selection.size > 0 && <BulkBar selection={selection} rows={rows} hasMore={view.hasMore} filter={filter} counts={counts} onJob={addJob} />}
        {error !== undefined && !isAtField && <Problem error={error} retry={() => list.reload()} />}
        {view.isLoading ? (
          <Loading rows={10} height={44} />
        ) : rows.length > 0 ? (
          <List list={list} view={view} selection={selection} canSelect={place.can("editor")} isNarrow={isNarrow} nameOf={names.nameOf} />
        ) : isFilterWrong ? (
          <Empty icon={SearchX} title="This filter can't be read">
            <div>Nothing is shown until it can.</div>
            {clearButton}
          </Empty>
        ) : error !== undefined ? null : isFiltered(filter) ? (
          <Empty icon={SearchX} title="Nothing matches">
            <div>No execution fits this filter now. What does is shown as soon as it happens.</div>
            {clearButton}
          </Empty>
        ) : (
          <Empty icon={Play} title="No executions yet">
            <div>An execution is one run of a workflow. {place.can("editor") ? "Run the first one: it is shown here while it goes on." : "The first one is shown here while it goes on."}</div>
            <Box mt="xs">{place.can("editor") && <RunButton workflows={names.workflows} label="Run the first one" />}</Box>
          </Empty>
        )}
      </Page>
    </div>
  );
}

/** The field that `/` goes to, from anywhere on the page but other fields. */
function useFocusKey() {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const target = event.target as Element;
      if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !target.closest("input, textarea, select, [contenteditable], [role=dialog]")) {
        event.preventDefault();
        input.current?.focus();
        input.current?.select();
      }
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
  return input;
}
